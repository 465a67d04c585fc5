"""Shell completion is click's own; names of commands come without importing the commands."""

import os
import shutil
import subprocess
import sys

import pytest

RUN = "import sys; sys.argv = ['landuse']; from landuse.cli.main import main; main()"


def complete(words, code=RUN):
    environ = os.environ | {
        "_LANDUSE_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_commands_and_options_are_completed():
    assert complete("landuse cl") == ["classify"]
    assert complete("landuse classify --prec") == ["--precision"]
    assert complete("landuse classify --precision i") == ["int8"]


def test_names_of_commands_cost_no_import():
    code = f"import atexit, sys; atexit.register(lambda: print('plain,pydantic' if 'pydantic' in sys.modules else '')); {RUN}"
    assert "pydantic" not in complete("landuse ", code)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell):
    if shell == "bash" and shutil.which("bash") is None:  # click asks bash for its version
        pytest.skip("there is no bash here")
    environ = os.environ | {"_LANDUSE_COMPLETE": f"{shell}_source"}
    done = subprocess.run([sys.executable, "-c", RUN], env=environ, capture_output=True, text=True, check=True)
    assert "_LANDUSE_COMPLETE" in done.stdout
