"""What is said of a survey: overlaps of two dates, sources in other CRSs, and all of it in run.json."""

import json

import pytest
from affine import Affine

from landuse.errors import UsageError
from landuse.mosaic import open_survey
from landuse.mosaic.remarks import date_of, remarks
from landuse.mosaic.source import BandAddress, Source
from landuse.options.survey import TileOptions
from landuse.stages.survey import survey_chips
from landuse.stages.tile import tile
from tests.mosaic.rasters import GRID, Raster, at, elsewhere, noise

SMALL = {"chip_m": 32.0, "chip_px": 32}


def about(survey, what, crs=GRID.crs):
    return [remark for remark in remarks(survey, crs) if remark.about == what]


def test_two_years_of_one_place_are_said_with_their_dates(tmp_path):
    for year in (2014, 2020):
        Raster(noise(64, 64)).write(tmp_path / f"m_3907617_ne_18_1_{year}.tif")
    (remark,) = about(open_survey([tmp_path]), "overlap")
    first, second = "m_3907617_ne_18_1_2014.tif", "m_3907617_ne_18_1_2020.tif"
    assert f"{first} and {second} cover the same 0 ha ({first} is of 2014, {second} is of 2020)" in remark.text
    assert remark.text.endswith(f"{first} is used.")
    assert remark.wrong


def test_sheets_that_overlap_a_little_are_not_worth_a_word(tmp_path):
    for number in range(3):
        Raster(noise(64, 64), at(50 * number, 0)).write(tmp_path / f"{number}.tif")
    assert not about(open_survey([tmp_path]), "overlap")


def test_many_overlaps_are_counted(tmp_path):
    for number in range(4):
        Raster(noise(64, 64)).write(tmp_path / f"{number}.tif")
    found = about(open_survey([tmp_path]), "overlap")
    assert len(found) == 4
    assert "3 more pairs of sources" in found[-1].text
    assert not any(remark.wrong for remark in found)


@pytest.mark.parametrize(
    ("name", "tag", "date"),
    [
        ("m_3907617_ne_18_1_20140731.tif", "2015-01-01", "2014-07-31"),
        ("ortho-2016-06-01.tif", "", "2016-06-01"),
        ("ortho_2016.tif", "2017-01-01", "2016"),
        ("a.tif", "2017-01-01", "2017-01-01"),
        ("a.tif", "", ""),
    ],
)
def test_the_date_of_a_source(name, tag, date):
    source = Source(name, (BandAddress(name, 1),), "", (1, 0, 0, 0, -1, 0), 1, 1, date=tag)
    assert date_of(source) == date


def test_the_date_of_a_files_tags(tmp_path):
    import rasterio

    path = Raster(noise(8, 8)).write(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(TIFFTAG_DATETIME="2012:07:31 10:00:00")
    assert open_survey([path]).sources[0].date == "2012-07-31"


def degrees(path, dx=0.0):
    west, north = elsewhere("EPSG:4326")
    return Raster(noise(300, 300), Affine(1e-5, 0, west + dx, 0, -1e-5, north), crs="EPSG:4326").write(path)


def test_sources_in_degrees_say_where_their_chips_lie(tmp_path):
    chips = survey_chips([degrees(tmp_path / "a.tif")], TileOptions(**SMALL))
    (remark,) = about(chips.survey, "lattice", chips.grid.crs)
    assert "a.tif lies in WGS 84, and chips in WGS 84 / UTM zone 17N" in str(remark)
    assert "--like FOLDER" in str(remark)


def test_a_later_year_lies_on_the_lattice_of_an_earlier_one(tmp_path):
    earlier = Raster(noise(128, 128)).write(tmp_path / "a.tif")
    tile([earlier], tmp_path / "2014", TileOptions(**SMALL))
    later = degrees(tmp_path / "b.tif")
    like = TileOptions(chip_px=32, like=tmp_path / "2014")
    chips = tile([later], tmp_path / "2020", like)
    assert chips.grid.same_lattice(survey_chips([earlier], TileOptions(**SMALL)).grid)
    lines = json.loads((tmp_path / "2020/run.json").read_text())["details"]["survey"]
    assert any(
        "2014 lies in NAD83 / UTM zone 17N, and this survey by itself would lie in WGS 84" in line for line in lines
    )
    assert any("Red, green and blue are bands 1, 2, 3 of b.tif, by their declared colours." in line for line in lines)


@pytest.mark.parametrize(
    ("more", "why"), [({"crs": "EPSG:26918"}, "leave one of them out"), ({"chip_m": 64.0}, "are of 32 m")]
)
def test_like_and_another_lattice_contradict_each_other(tmp_path, more, why):
    earlier = Raster(noise(64, 64)).write(tmp_path / "a.tif")
    tile([earlier], tmp_path / "2014", TileOptions(**SMALL))
    with pytest.raises(UsageError, match=why):
        survey_chips([earlier], TileOptions(like=tmp_path / "2014", **more))
