"""Surveys of many sources: headers that are read together, and the part of a survey that a block needs."""

import threading

import numpy as np
import pytest

from landuse.errors import NotARasterError
from landuse.mosaic import MosaicReader, open_survey, survey
from tests.mosaic.rasters import GRID, Raster, at, corner, noise


def test_headers_are_read_at_the_same_time_and_come_in_the_order_asked_for(tmp_path, monkeypatch):
    paths = [Raster(noise(8, 8), at(0, 8 * i)).write(tmp_path / f"{name}.tif") for i, name in enumerate("dacb")]
    together, read = threading.Barrier(2, timeout=20), survey.read_header
    monkeypatch.setattr(survey, "read_header", lambda path: (together.wait(), read(path))[1])
    assert [source.name for source in open_survey(paths).sources] == ["d.tif", "a.tif", "c.tif", "b.tif"]


def test_the_first_file_at_fault_is_named(tmp_path):
    good = Raster(noise(8, 8)).write(tmp_path / "good.tif")
    for name in ("first.tif", "second.tif"):
        (tmp_path / name).write_bytes(b"no raster")
    with pytest.raises(NotARasterError, match="first"):
        open_survey([good, tmp_path / "first.tif", tmp_path / "second.tif"])


@pytest.mark.parametrize("deep_beside", [False, True])
def test_a_part_of_a_survey_gives_the_pixels_of_the_whole(tmp_path, deep_beside):
    """Of 8-bit imagery beside 16-bit imagery too, which is not stretched."""
    Raster(noise(32, 32)).write(tmp_path / "a.tif")
    Raster(noise(32, 32, seed=1), at(32, 0)).write(tmp_path / "b.tif")
    deep = noise(32, 32, seed=2).astype("uint16") * 9
    Raster(deep if deep_beside else noise(32, 32, seed=2), at(64, 0)).write(tmp_path / "c.tif")
    survey = open_survey([tmp_path])
    with MosaicReader(survey, GRID) as reader:
        whole = reader.read(corner(1, 3))
    for number in range(3):
        part = survey.part([number])
        assert part.sources == survey.sources[number : number + 1]
        with MosaicReader(part, GRID) as reader:
            one = reader.read(corner(1, 3))
        columns = slice(32 * number, 32 * number + 32)
        assert one.valid[:, columns].all()
        assert not np.delete(one.valid, np.s_[columns], axis=1).any()
        assert np.array_equal(one.data[:, columns], whole.data[:, columns])
