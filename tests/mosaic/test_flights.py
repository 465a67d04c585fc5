from dataclasses import replace

import numpy as np
import pytest

from landuse.errors import BandsError
from landuse.mosaic import MosaicReader, open_survey
from landuse.mosaic.colour import distance
from landuse.mosaic.flights import flights_of, match, palette_of
from landuse.mosaic.survey import Recolouring, Survey
from tests.mosaic.rasters import GRID, Raster, at, corner, ramp


def scene(height: int = 64, width: int = 64, gain: float = 1.0) -> np.ndarray:
    return np.rint(ramp(height, width) * gain).astype(np.uint8)


def colours(survey: Survey, cells: int = 4) -> np.ndarray:
    with MosaicReader(survey, GRID) as reader:
        return reader.read(corner(2, cells)).data


def test_a_darker_survey_is_read_in_the_colours_of_the_first(tmp_path):
    first = open_survey([Raster(scene()).write(tmp_path / "first.tif")])
    second = open_survey([Raster(scene(gain=0.6)).write(tmp_path / "second.tif")])
    found = match(second, palette_of(first))
    recoloured = colours(replace(second, recolouring=found.recolouring), 2)
    assert np.abs(recoloured.astype(int) - colours(first, 2)).mean() < 3
    assert found.after < 3 < found.before


def test_flights_of_two_dates_have_each_their_own_curve(tmp_path):
    """Where two flights meet, a seam goes."""
    Raster(scene(width=128)[..., :64]).write(tmp_path / "m_20160705.tif")
    Raster(scene(width=128, gain=0.6)[..., 64:], at(64, 0)).write(tmp_path / "m_20160801.tif")
    whole = open_survey([Raster(scene(width=128)).write(tmp_path / "reference.tif")])
    survey = open_survey([tmp_path / "m_20160705.tif", tmp_path / "m_20160801.tif"])
    found = match(survey, palette_of(whole))
    assert found.dates == ("20160705", "20160801")
    recoloured = colours(replace(survey, recolouring=found.recolouring)).astype(int)
    assert np.abs(recoloured - colours(whole)).mean() < 4


def test_nodata_has_no_part_in_a_sample(tmp_path):
    values = scene()
    values[:, :30] = 0
    flights = flights_of(open_survey([Raster(values, nodata=0).write(tmp_path / "a.tif")]))
    assert len(flights) == 1
    assert flights[0].pixels.min() > 0


def test_deep_imagery_is_sampled_after_its_stretch(tmp_path):
    eight = open_survey([Raster(scene()).write(tmp_path / "eight.tif")])
    deep = Raster(scene().astype(np.uint16) * 100).write(tmp_path / "deep.tif")
    survey = open_survey([deep], stretch=(0, 25500))
    assert distance(flights_of(survey)[0].pixels, palette_of(eight)) < 1
    found = match(survey, palette_of(eight))
    assert np.abs(colours(replace(survey, recolouring=found.recolouring), 2).astype(int) - colours(eight, 2)).mean() < 2


def test_a_sample_comes_from_overviews_where_there_are_some(tmp_path):
    fine = open_survey([Raster(scene(600, 600)).write(tmp_path / "plain.tif")])
    coarse = open_survey([Raster(scene(600, 600), overviews=(2, 4)).write(tmp_path / "pyramid.tif")])
    assert coarse.sources[0].overviews
    assert distance(flights_of(coarse)[0].pixels, palette_of(fine)) < 6


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_empty_pixels_stay_empty_whatever_the_curve(tmp_path, shift):
    values = scene()
    values[:, 10:30, 10:30] = 0
    survey = open_survey([Raster(values, at(shift, shift), nodata=0).write(tmp_path / "a.tif")])
    bright = Recolouring((bytes([200] * 768),), (0,))
    with MosaicReader(replace(survey, recolouring=bright), GRID) as reader:
        pixels = reader.read(corner(2, 2))
    assert not pixels.valid.all()
    assert (pixels.data[~pixels.valid] == 0).all()
    assert (pixels.data[pixels.valid] == 200).all()


def test_other_bands_than_the_reference_are_refused(tmp_path):
    survey = open_survey([Raster(scene()).write(tmp_path / "a.tif")])
    one = open_survey([tmp_path / "a.tif"], bands=(1,))
    with pytest.raises(BandsError, match="3 bands, and the survey gives 1"):
        match(one, palette_of(survey))


def test_a_survey_without_imagery_has_no_palette(tmp_path):
    empty = open_survey([Raster(np.zeros((3, 64, 64), np.uint8), nodata=0).write(tmp_path / "a.tif")])
    assert palette_of(empty) is None
    full = open_survey([Raster(scene()).write(tmp_path / "b.tif")])
    assert match(empty, palette_of(full)).recolouring is None


def test_a_part_of_a_survey_keeps_the_curves_of_its_sources(tmp_path):
    for number in range(3):
        Raster(scene(), at(64 * number, 0)).write(tmp_path / f"{number}.tif")
    curves = tuple(bytes([10 * number] * 768) for number in range(3))
    survey = replace(open_survey([tmp_path]), recolouring=Recolouring(curves, (0, 1, 2)))
    part = survey.part([2, 0])
    assert [int(part.curves_of(index)[0, 0]) for index in range(2)] == [20, 0]
