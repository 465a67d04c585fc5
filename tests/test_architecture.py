"""The rooms: imports run downwards, and nothing heavy is imported before it is needed."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "landuse"
TOOLS = PACKAGE.parent / "tools"
FLOORS = {
    5: {"cli", "__main__"},
    4: {"stages"},
    3: {"scoring", "training", "spark_ml", "judging"},
    2: {"engine", "models", "change", "evaluation", "outputs"},
    1: {"mosaic", "chips", "labels", "vector_file"},
    0: {
        "grid",
        "crs",
        "legend",
        "errors",
        "imports",
        "own_data",
        "options",
        "plain_yaml",
        "words",
        "__init__",
        "files",
    },
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("landuse."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("landuse.")}
    return found


def test_every_room_has_a_floor():
    assert {room_of(p) for p in PACKAGE.rglob("*.py")} <= set(FLOOR_OF)


@pytest.mark.parametrize("room", sorted(FLOOR_OF))
def test_imports_run_downwards(room):
    files = [p for p in PACKAGE.rglob("*.py") if room_of(p) == room]
    up = {
        f"{path.relative_to(PACKAGE)} imports landuse.{other}"
        for path in files
        for other in imported_rooms(path)
        if FLOOR_OF[other] > FLOOR_OF[room]
    }
    assert not up


def test_what_a_user_runs_has_no_dangerous_loader():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf8"))
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert not names & {"pickle", "marshal", "shelve"}, path
        calls = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        assert not calls & {"eval", "exec", "yaml.load"}, path


def test_the_package_does_without_the_tools():
    for path in PACKAGE.rglob("*.py"):
        names = {
            n.module for n in ast.walk(ast.parse(path.read_text(encoding="utf8"))) if isinstance(n, ast.ImportFrom)
        }
        assert not [name for name in names if name and name.split(".")[0] == TOOLS.name], path
