"""What each stage can be asked for, said once: the command line, the config file and the Python function are made from it.

These modules import pydantic and nothing heavier, so that a command's help answers at once.
"""
