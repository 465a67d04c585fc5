import json
import shutil

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer

from landuse.chips import read_chips
from landuse.chips.cells import touches
from landuse.errors import (
    CRSReplacedWarning,
    GeographicGridError,
    LabelsError,
    NoOverlapError,
    OutputExistsError,
    SourceNotFoundError,
    UsageError,
)
from landuse.mosaic import coverage
from landuse.options.survey import TileOptions
from landuse.outputs.record import damaged_files, read_record
from landuse.stages.survey import survey_chips
from landuse.stages.tile import class_counts, tile
from tests.made import UTM, raster

WEST, NORTH = 600_000, 4_500_000
OPTIONS = TileOptions(chip_m=100, chip_px=20, label_rule="nine-point")


@pytest.fixture
def folder(tmp_path):
    """Two abutting 3-band rasters of 400 x 300 m at 5 m, whose edges lie on the lattice; together 8 x 3 chips of 100 m."""
    survey = tmp_path / "survey"
    survey.mkdir()
    rng = np.random.default_rng(0)
    for n, name in enumerate(("west.tif", "east.tif")):
        data = rng.integers(1, 255, (3, 60, 80)).astype(np.uint8)
        raster(survey / name, data, Affine(5, 0, WEST + n * 400, 0, -5, NORTH))
    return survey


@pytest.fixture
def nlcd(tmp_path):
    """Labels at 25 m: forest in the west, crops in the east; the boundary lies in the middle of the fifth column of chips."""
    codes = np.full((12, 32), 41, np.uint8)
    codes[:, 18:] = 82
    return raster(tmp_path / "nlcd.tif", codes, Affine(25, 0, WEST, 0, -25, NORTH))


def test_a_survey_becomes_chips(folder, tmp_path):
    chips = tile([folder], tmp_path / "out", OPTIONS)
    assert len(chips) == 24
    assert (chips.valid == 1).all()
    assert chips.grid.crs == UTM
    again = read_chips(tmp_path / "out")
    assert again.ids.tolist() == chips.ids.tolist()
    assert set(again.rows.tolist()) == {44_997, 44_998, 44_999}
    assert set(again.cols.tolist()) == set(range(6_000, 6_008))
    assert {again.source_names(i) for i in range(24)} == {("west.tif",), ("east.tif",)}
    assert again.labels is None


def test_the_record_names_inputs_counts_and_outputs(folder, nlcd, tmp_path):
    tile([folder], tmp_path / "out", OPTIONS.changed(labels=nlcd))
    record = read_record(tmp_path / "out")
    assert record.command == "tile"
    assert record.counts["chips"] == 24
    assert record.counts["labelled"] == 21
    assert (record.counts["class Forest"], record.counts["class Cultivated"]) == (12, 9)
    assert [i.path.rsplit("/", 1)[1] for i in record.inputs] == ["east.tif", "west.tif", "nlcd.tif"]
    assert all(int(i.modified) and i.digest is None for i in record.inputs)
    assert record.grid == {"crs": "EPSG:26918", "chip_m": 100, "chip_px": 20}
    assert record.legend["name"] == "nlcd8"
    assert list(record.outputs) == ["chips.parquet"]
    assert not damaged_files(tmp_path / "out", record)
    assert json.loads((tmp_path / "out" / "run.json").read_text())["options"]["label_rule"] == "nine-point"


@pytest.mark.parametrize(("rule", "mixed"), [("nine-point", 0), ("majority", 3), ("centre", 6)])
def test_labels_follow_the_rule(folder, nlcd, tmp_path, rule, mixed):
    chips = tile([folder], tmp_path / "out", OPTIONS.changed(labels=nlcd, label_rule=rule))
    labels = {col: set(chips.labels[chips.cols == col].tolist()) for col in range(6_000, 6_008)}
    assert all(labels[col] == {3} for col in range(6_000, 6_004))
    assert labels[6_004] == {mixed if rule != "majority" else 3}
    assert all(labels[col] == {6} for col in range(6_005, 6_008))
    assert chips.shares[chips.cols == 6_004][0].tolist() == pytest.approx([0, 0, 0.5, 0, 0, 0.5, 0, 0])


def test_labels_of_another_legend_are_refused(folder, nlcd, tmp_path):
    other = "name: other\nclasses: [{code: 1, name: Marsh, color: '#000000', sources: [199]}]"
    (tmp_path / "other.yaml").write_text(other)
    with pytest.raises(LabelsError, match="holds no code of legend"):
        tile([folder], tmp_path / "out", OPTIONS.changed(labels=nlcd, legend=str(tmp_path / "other.yaml")))
    assert not (tmp_path / "out").exists()


def test_labels_from_polygons(folder, tmp_path):
    shapes = [
        shapely.box(WEST, NORTH - 300, WEST + 400, NORTH),
        shapely.box(WEST + 400, NORTH - 300, WEST + 750, NORTH),
    ]
    gpd.GeoDataFrame({"use": ["forest", 82]}, geometry=shapes, crs=UTM).astype({"use": str}).to_file(
        tmp_path / "l.gpkg"
    )
    chips = tile([folder], tmp_path / "out", OPTIONS.changed(labels=tmp_path / "l.gpkg", label_field="use"))
    none = dict.fromkeys(("Developed", "Barren", "Shrub", "Herbaceous", "Water", "Wetlands"), 0)
    assert class_counts(chips) == none | {"Forest": 12, "Cultivated": 9, "unlabelled": 3}


def test_another_year_gives_the_same_ids_for_the_same_ground(folder, tmp_path):
    """A survey whose origin differs by 12 m gives chips of the same lattice."""
    shutil.copytree(folder, tmp_path / "later")
    for path in (tmp_path / "later").iterdir():
        with rasterio.open(path, "r+") as image:
            image.transform = Affine.translation(12, -7) @ image.transform
    first, later = survey_chips([folder], OPTIONS), survey_chips([tmp_path / "later"], OPTIONS)
    assert set(first.ids) <= set(later.ids) | {"x"}
    assert later.valid.max() <= 1
    assert first.grid.same_lattice(later.grid)


def test_min_valid_drops_chips_of_the_rim(folder):
    off = OPTIONS.changed(chip_m=90)
    kept = {share: len(survey_chips([folder], off.changed(min_valid=share))) for share in (0, 0.5, 1)}
    assert kept[0] > kept[0.5] > kept[1]
    assert (survey_chips([folder], off.changed(min_valid=0)).valid > 0).all()
    assert (survey_chips([folder], off.changed(min_valid=1)).valid == 1).all()


def test_nodata_counts_against_a_chip(tmp_path):
    data = np.full((3, 40, 40), 9, np.uint8)
    data[:, :, 15:] = 0
    raster(tmp_path / "a.tif", data, Affine(5, 0, WEST, 0, -5, NORTH), nodata=0)
    chips = survey_chips([tmp_path / "a.tif"], OPTIONS.changed(min_valid=0.5))
    assert sorted(set(chips.cols.tolist())) == [6_000]
    assert chips.valid.tolist() == pytest.approx([0.75, 0.75], abs=0.04)
    with rasterio.open(tmp_path / "a.tif", "r+") as image:
        image.write(np.zeros_like(data))
    with pytest.raises(NoOverlapError, match="The sources hold no data: every pixel"):
        survey_chips([tmp_path / "a.tif"], OPTIONS)


def test_bounds_and_aoi_choose_the_same_chips(folder, tmp_path):
    to_degrees = Transformer.from_crs(UTM, 4326, always_xy=True)
    west, south = to_degrees.transform(WEST + 210, NORTH - 190)
    east, north = to_degrees.transform(WEST + 290, NORTH - 110)
    by_bounds = survey_chips([folder], OPTIONS.changed(bounds=(west, south, east, north)))
    gpd.GeoDataFrame(geometry=[shapely.box(west, south, east, north)], crs=4326).to_file(tmp_path / "a.geojson")
    by_aoi = survey_chips([folder], OPTIONS.changed(aoi=tmp_path / "a.geojson"))
    assert by_bounds.ids.tolist() == by_aoi.ids.tolist() == ["r44998c6002"]


def test_ground_far_from_the_area_is_not_looked_at_and_chips_stay_the_same(tmp_path, monkeypatch):
    data = np.random.default_rng(0).integers(0, 4, (1, 100, 560)).astype(np.uint8).repeat(3, axis=0)
    survey = [raster(tmp_path / "a.tif", data, Affine(5, 0, WEST, 0, -5, NORTH), nodata=0)]
    area = shapely.box(WEST + 15, NORTH - 400, WEST + 65, NORTH - 385)
    gpd.GeoDataFrame(geometry=[area], crs=UTM).to_file(tmp_path / "aoi.geojson")
    small = OPTIONS.changed(chip_m=10, chip_px=8, min_valid=0.1)
    everything, looked = survey_chips(survey, small), []
    monkeypatch.setattr("landuse.chips.cells.coverage", lambda *it: looked.append(it[2].size) or coverage(*it))
    near = survey_chips(survey, small.changed(aoi=tmp_path / "aoi.geojson"))
    same = everything.subset(touches(area, near.grid, everything.rows, everything.cols))
    assert near.ids.tolist() == same.ids.tolist()
    assert len(near) > 8
    np.testing.assert_array_equal(near.valid, same.valid)
    assert 0 < near.valid.min() < near.valid.max()
    assert 0 < sum(looked) < len(everything) / 4


def test_the_lattice_crs_can_be_insisted_on(folder):
    chips = survey_chips([folder], OPTIONS.changed(crs="EPSG:5070"))
    assert chips.grid.crs.to_epsg() == 5070
    assert 15 <= len(chips) <= 32


def test_degrees_give_way_to_utm_and_are_refused_when_insisted_on(tmp_path):
    data = np.full((3, 60, 60), 9, np.uint8)
    raster(tmp_path / "a.tif", data, Affine(1e-4, 0, -73.5, 0, -1e-4, 41.0), crs="EPSG:4326")
    chips = survey_chips([tmp_path / "a.tif"], OPTIONS)
    assert chips.grid.crs.to_epsg() == 32618
    with pytest.raises(GeographicGridError, match="--crs"):
        survey_chips([tmp_path / "a.tif"], OPTIONS.changed(crs="EPSG:4326"))


def test_web_mercator_gives_way_with_a_warning(tmp_path):
    raster(tmp_path / "a.tif", np.full((3, 90, 90), 9, np.uint8), Affine(5, 0, -8.2e6, 0, -5, 5e6), crs="EPSG:3857")
    with pytest.warns(CRSReplacedWarning):
        assert survey_chips([tmp_path / "a.tif"], OPTIONS).grid.crs.to_epsg() == 32618


def test_a_relative_address_is_kept_from_the_root(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chips = survey_chips(["survey/*.tif"], OPTIONS)
    assert all(path.startswith("/") for source in chips.survey.sources for path in source.paths)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"bounds": (10.0, 50.0, 11.0, 51.0)}, NoOverlapError, "no ground"),
        ({"bounds": (11.0, 50.0, 10.0, 51.0)}, UsageError, "west"),
        ({"chip_m": 5000}, NoOverlapError, "--chip-size"),
        ({"crs": "EPSG:none"}, UsageError, "--crs|EPSG"),
        ({"label_field": "use"}, UsageError, "--labels"),
        ({"labels": "survey/west.tif"}, LabelsError, "3 bands"),
        ({"labels": "nothing.tif"}, SourceNotFoundError, r"nothing\.tif"),
    ],
)
def test_what_cannot_be_gets_one_sentence_and_leaves_nothing(folder, tmp_path, monkeypatch, changes, error, says):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=says) as caught:
        tile([folder], tmp_path / "out", OPTIONS.changed(**changes))
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_nothing_is_overwritten_without_fresh(folder, tmp_path):
    tile([folder], tmp_path / "out", OPTIONS)
    with pytest.raises(OutputExistsError, match="--fresh"):
        tile([folder], tmp_path / "out", OPTIONS)
    tile([folder], tmp_path / "out", OPTIONS.changed(chip_m=50, fresh=True))
    assert len(read_chips(tmp_path / "out")) == 96


def test_ten_thousand_chips_over_sixteen_files_take_a_moment(tmp_path):
    for row in range(4):
        for col in range(4):
            transform = Affine(4, 0, 5600 * col + 30, 0, -4, 4_500_000 - 5600 * row)
            shape = {"width": 1400, "height": 1400, "count": 3, "dtype": "uint8"}
            with rasterio.open(
                tmp_path / f"{row}{col}.tif", "w", crs=UTM.to_wkt(), transform=transform, SPARSE_OK=True, **shape
            ):
                pass
    chips = tile([tmp_path], tmp_path / "out", TileOptions(collar="keep"))
    assert 9_800 < len(chips) <= 10_201
    assert (chips.valid[np.diff(chips.sources.offsets) > 1] > 0.99).mean() > 0.9
    assert (tmp_path / "out" / "chips.parquet").stat().st_size < 2_000_000
