"""`python -m landuse`: the command line."""

from landuse.cli.main import main

if __name__ == "__main__":
    main()
