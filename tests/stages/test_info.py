"""`landuse info` of a raster, a model by its name, and a folder of results."""

from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from landuse.errors import SourceNotFoundError
from landuse.outputs.folder import staged_folder
from landuse.outputs.record import RunRecord, write_record
from landuse.stages.info import describe_raster, info
from tests.made import raster


def test_bounds_of_a_raster_are_whole(tmp_path):
    path = raster(tmp_path / "a.tif", np.full((8, 8), 1, np.uint8), Affine(1, 0, 448_000, 0, -1, 4_479_308))
    assert dict(describe_raster(path).lines)["bounds"] == "448000 4479300 448008 4479308"


def test_a_model_by_its_name():
    found = info(Path("builtin"))
    assert dict(found.lines)["what"] == "model builtin"
    assert found.whole
    with pytest.raises(SourceNotFoundError, match="no model of that name"):
        info(Path("nosuch"))


def test_a_folder_of_results_is_a_line_each(tmp_path):
    for name in ("one", "two"):
        with staged_folder(tmp_path / name) as staging:
            (staging / "a.txt").write_text("x")
            write_record(staging, RunRecord(command="diff"))
    (tmp_path / "two" / "a.txt").unlink()
    found = info(tmp_path)
    lines = dict(found.lines)
    assert lines["what"] == "2 results"
    assert lines["one"].startswith("landuse diff, ")
    assert lines["one"].endswith(", whole")
    assert lines["two"].endswith(", damaged: a.txt missing")
    assert not found.whole
