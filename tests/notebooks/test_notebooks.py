"""Notebooks are stored with what they gave, and ask for what there is; `make notebooks` runs them."""

import ast
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

import landuse
from tests.notebooks.stored import NOTEBOOKS, code_cells

PROJECT = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf8")
STANDARD = {"json", "os", "pathlib", "tempfile"}


def tree(path: Path) -> ast.Module:
    return ast.parse("\n".join("".join(cell["source"]) for cell in code_cells(path)))


def test_there_are_notebooks():
    assert len(NOTEBOOKS) == 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_is_stored_with_outputs_of_one_run(path):
    cells = code_cells(path)
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert any(word in json.dumps(output.get("data", {})) for output in outputs for word in ("image/png", "<img"))
    assert all(output["output_type"] != "error" and output.get("name") != "stderr" for output in outputs)
    assert path.stat().st_size < 600_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_imports_what_the_lock_file_brings(path):
    """And of landuse what is there."""
    declared = {name.replace("-", "_") for name in re.findall(r'^ *"([\w-]+)', PROJECT, re.MULTILINE)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found = {str(node.module).partition(".")[0]}
            if found == {"landuse"}:
                module = import_module(str(node.module))
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)
        else:
            continue
        assert found <= declared | STANDARD | {"landuse", "sklearn"}, ast.unparse(node)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_calls_functions_of_landuse_that_there_are(path):
    called = {
        node.attr
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "lu"
    }
    assert called
    assert all(hasattr(landuse, name) for name in called), called
