"""Nothing that Windows or macOS lack is imported before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "landuse"
UNIX_ONLY = frozenset(
    {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "crypt", "spwd", "nis"}
)


def imported_at_once(tree: ast.Module) -> set[str]:
    """Names of the modules that a module imports when it is imported itself."""
    found, waiting = set(), list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)
    return found


def test_no_module_needs_a_unix_to_be_imported():
    needs = {
        str(path.relative_to(PACKAGE)): imported_at_once(ast.parse(path.read_text(encoding="utf8"))) & UNIX_ONLY
        for path in PACKAGE.rglob("*.py")
    }
    assert {path: names for path, names in needs.items() if names} == {}


_ELSEWHERE = """
import sys
hidden = {"fcntl", "resource", "pwd", "grp", "termios"}
for name in hidden:
    sys.modules[name] = None  # an import of it raises ModuleNotFoundError
import os
for name in ("sched_getaffinity", "getpgid", "killpg", "sysconf"):
    if hasattr(os, name):
        delattr(os, name)
from landuse.cli.main import run
from landuse.engine.machine import cores, memory, peak_memory
status = run(sys.argv[1:])
print(status, cores() > 0, memory().total > 0, peak_memory())
"""


def test_a_map_is_made_where_all_that_is_missing(work, tmp_path):
    arguments = ["classify", *work.survey, "--model", work.model, "--chip-size", "32", "--chip-pixels", "32"]
    arguments += ["--master", "inline", "--out", tmp_path / "map"]
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 True True 0"
    assert (tmp_path / "map" / "landuse.tif").is_file()
