import os
import subprocess
import sys

CODE = """
import os, sys
from landuse.models.quiet import quiet_console
with quiet_console():
    os.write(2, b"from below")
print("from Python", file=sys.stderr)
with quiet_console():
    raise SystemExit("the end")
"""


def test_what_is_written_below_python_is_lost_and_no_more():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=os.environ, check=False)
    assert done.stderr.splitlines() == ["from Python", "the end"]
    assert done.returncode == 1
