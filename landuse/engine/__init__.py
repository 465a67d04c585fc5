"""Where work runs: Java, Spark sessions, runners, and results that survive a killed run."""
