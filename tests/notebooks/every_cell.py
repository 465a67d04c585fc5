"""Runs every notebook from top to bottom: `make notebooks`, a minute or two a core beside `make test`."""

import pytest

from tests.notebooks.stored import NOTEBOOKS, code_cells


@pytest.mark.spark
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(path)):
        exec(compile("".join(cell["source"]), f"{path.name} cell {number}", "exec"), names)
