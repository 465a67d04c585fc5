"""The rooms: imports run downwards, and nothing heavy is imported before it is needed."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "landuse"
TOOLS = PACKAGE.parent / "tools"
FLOORS = {
    5: {"cli", "__main__", "__init__", "api", "results"},
    4: {"stages"},
    3: {"scoring", "training", "spark_ml", "judging", "reporting", "likeness"},
    2: {"engine", "models", "change", "evaluation", "outputs"},
    1: {"mosaic", "chips", "labels", "vector_file"},
    0: {
        "grid",
        "crs",
        "legend",
        "errors",
        "palette",
        "environment",
        "ogr",
        "light_rasterio",
        "options",
        "plain_yaml",
        "version",
        "text",
    },
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}


Trees = dict[Path, ast.Module]


@pytest.fixture(scope="module")
def trees() -> Trees:
    """The syntax of every module of the package."""
    return {path: ast.parse(path.read_text(encoding="utf8")) for path in PACKAGE.rglob("*.py")}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("landuse."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("landuse.")}
    return found


def test_every_room_has_a_floor(trees):
    assert {room_of(path) for path in trees} <= set(FLOOR_OF)


@pytest.mark.parametrize("room", sorted(FLOOR_OF))
def test_imports_run_downwards(trees, room):
    up = {
        f"{path.relative_to(PACKAGE)} imports landuse.{other}"
        for path in trees
        if room_of(path) == room
        for other in imported_rooms(trees[path])
        if FLOOR_OF[other] > FLOOR_OF[room]
    }
    assert not up


def test_what_a_user_runs_has_no_dangerous_loader(trees):
    for path, tree in trees.items():
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert not names & {"pickle", "marshal", "shelve"}, path
        calls = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        assert not calls & {"eval", "exec", "yaml.load"}, path


def test_the_package_does_without_the_tools(trees):
    for path, tree in trees.items():
        names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not [name for name in names if name and name.split(".")[0] == TOOLS.name], path


MODULES = {
    ".".join(("landuse", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def nodes_that_run(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, those under `if TYPE_CHECKING` left out."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield child
            yield from nodes_that_run(child)


@pytest.fixture(scope="module")
def graph(trees: Trees) -> dict[str, set[str]]:
    """Which modules each module imports, at its top or within its functions."""
    return {name: imported_modules(trees[path]) - {name} for name, path in MODULES.items()}


def imported_modules(tree: ast.Module) -> set[str]:
    found = set()
    for node in nodes_that_run(tree):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (full & MODULES.keys()) or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & MODULES.keys()
    return found


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """One circle of a graph of imports, empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle_between_modules(graph):
    assert circle_in(graph) == []


def test_no_circle_between_rooms(graph):
    rooms: dict[str, set[str]] = {}
    for name, imported in graph.items():
        room = room_of(MODULES[name])
        others = {room_of(MODULES[other]) for other in imported}
        rooms[room] = rooms.get(room, set()) | others - {room}
    assert circle_in(rooms) == []


def test_circles_are_found():
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert sorted(set(circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}}))) == ["a", "b", "c"]


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


def test_no_module_needs_a_unix_to_be_imported(trees):
    """What Windows or macOS lack is imported where it is needed."""
    needs = {str(path.relative_to(PACKAGE)): imported_at_once(tree) & UNIX_ONLY for path, tree in trees.items()}
    assert {path: names for path, names in needs.items() if names} == {}
