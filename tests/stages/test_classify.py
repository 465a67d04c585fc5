"""classify: files as promised, the same rows on Spark and inline, nothing lost, nothing stale."""

import csv
import json
import os
import shutil
from dataclasses import replace

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
from affine import Affine

from landuse.chips import read_columns
from landuse.errors import (
    BandsError,
    DamagedSourceError,
    NoOverlapError,
    NotARasterError,
    OutputExistsError,
    SourceNotFoundError,
    TooManyQuarantinedError,
    UsageError,
)
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.learnt_features import from_bytes
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.outputs.areas import polygon_areas_ha
from landuse.outputs.categories import read_summary
from landuse.outputs.record import damaged_files, read_record
from landuse.scoring import plan as planning
from landuse.scoring import run as scoring
from landuse.stages.classify import classify, given
from landuse.stages.tile import tile
from tests.made import UTM, raster
from tests.models import small
from tests.patchwork import NORTH, OPTIONS, WEST


def options(model, **more):
    return ClassifyOptions(model=str(model), **OPTIONS, **more)


@pytest.fixture(scope="module")
def result(work, learnt, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "map"
    land, record = classify(work.survey, out, options(learnt))
    return out, land, record


def test_the_map_is_the_truth(work, result):
    out, _, _ = result
    with rasterio.open(out / "landuse.tif") as raster:
        assert np.array_equal(raster.read(1), work.codes)
        assert raster.nodata == 0
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_every_promised_file_is_there_and_whole(result):
    out, _, record = result
    assert {p.name for p in out.iterdir()} == {
        "landuse.tif", "landuse.tif.aux.xml", "probabilities.tif", "components.tif", "landuse.geojson", "landuse.gpkg",
        "chips.parquet",
        "summary.csv", "quarantine.csv", "run.json", "item.json", "landuse.qml", "landuse.raster.sld", "landuse.polygons.sld",
        "landuse.raster.lyrx", "landuse.polygons.lyrx", "summary.parquet", "tables.xlsx",
        "probabilities.qml", "probabilities.raster.sld",
    }  # fmt: skip
    assert damaged_files(out, read_record(out)) == {}
    assert record.counts["classified"] == record.counts["chips"] == 480
    assert not list(out.parent.glob(".*"))


def test_probabilities_labels_and_table_agree(work, result):
    out, _, _ = result
    table = geopandas.read_parquet(out / "chips.parquet")
    names = [c[2:] for c in table.columns if c.startswith("p_")]
    p = table[[f"p_{n}" for n in names]].to_numpy()
    assert np.allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (np.array(names)[p.argmax(1)] == table["class"]).all()
    assert np.allclose(p.max(axis=1), table["confidence"])
    with rasterio.open(out / "probabilities.tif") as raster:
        assert list(raster.descriptions) == names
        x, y = table.geometry.centroid.x, table.geometry.centroid.y
        assert np.allclose(np.array(list(raster.sample(zip(x, y, strict=True)))), p, atol=1e-6)


def test_components_are_those_of_the_features(work, learnt, result, tmp_path):
    classify(work.survey, tmp_path / "kept", options(learnt, keep_features=True))
    head = learnt.parent / "same.landuse"
    write_bundle(read_bundle(learnt), head)
    classify([tmp_path / "kept"], tmp_path / "again", options(head))
    table = pq.read_table(tmp_path / "kept" / "features.parquet")
    features = np.array(table["features"].to_pylist(), np.float32)
    known = read_bundle(learnt).components
    with rasterio.open(result[0] / "components.tif") as raster:
        assert raster.count == known.count
        values, transform = raster.read(), raster.transform
    top, left = round(transform.f / transform.a), round(transform.c / transform.a)
    there = values[:, top - 1 - table["row"].to_numpy(), table["col"].to_numpy() - left].T
    off = np.abs(from_bytes(there) - np.clip(known.apply(features), -127 / 16, 127 / 16))
    assert np.median(off) < 1 / 32  # half a step; the features that are kept are in half precision
    assert off.max() < 0.3
    with rasterio.open(tmp_path / "again" / "components.tif") as raster:
        assert np.abs(raster.read().astype(int) - values).max() <= 5


def test_polygons_and_summary_tell_the_same_areas(result):
    out, _, _ = result
    polygons = json.loads((out / "landuse.geojson").read_text())
    areas = pd.DataFrame([f["properties"] for f in polygons["features"]]).groupby("class")["area_ha"].sum()
    summary = pd.read_csv(out / "summary.csv").set_index("class")
    assert np.allclose(summary["area_ha"][areas.index], areas, rtol=1e-4)
    assert summary["share"].sum() == pytest.approx(1, abs=1e-5)
    assert summary["area_ha"].sum() == pytest.approx(480 * 0.1024, rel=2e-3)


@pytest.mark.spark
def test_spark_gives_the_same_rows_as_inline(work, learnt, result, tmp_path, spark):
    classify(work.survey, tmp_path / "spark", options(learnt, master="local[2]"))
    for name in ("landuse.tif", "probabilities.tif", "landuse.geojson", "summary.csv"):
        assert (tmp_path / "spark" / name).read_bytes() == (result[0] / name).read_bytes(), name
    ours, theirs = (
        read_columns(p / "chips.parquet", ["chip_id", "class", "confidence"]) for p in (result[0], tmp_path / "spark")
    )
    assert ours.equals(theirs)


def test_a_folder_of_chips_gives_the_same_map_as_its_rasters(work, learnt, result, tmp_path):
    tile(work.survey, tmp_path / "chips", TileOptions(**OPTIONS))
    classify([tmp_path / "chips"], tmp_path / "map", options(learnt))
    assert (tmp_path / "map" / "landuse.tif").read_bytes() == (result[0] / "landuse.tif").read_bytes()


def test_an_interrupted_run_goes_on_where_it_stopped(work, learnt, result, tmp_path, monkeypatch):
    real, done = scoring.score_block, []

    def second_fails(job, block):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(block.key)
        return real(job, block)

    monkeypatch.setattr(scoring, "score_block", second_fails)
    with pytest.raises(KeyboardInterrupt):
        classify(work.survey, tmp_path / "map", options(learnt))
    assert not (tmp_path / "map").exists()
    monkeypatch.setattr(scoring, "score_block", real)
    _, record = classify(work.survey, tmp_path / "map", options(learnt))
    assert record.counts["blocks_reused"] == 1
    assert (tmp_path / "map" / "probabilities.tif").read_bytes() == (result[0] / "probabilities.tif").read_bytes()


def test_a_source_that_changes_while_it_is_read_makes_no_map(work, learnt, tmp_path, monkeypatch):
    sources, real = [shutil.copy(path, tmp_path / path.name) for path in work.survey], scoring.score_block

    def rewritten(job, block):
        report = real(job, block)
        os.utime(sources[0], (0, 0))
        return report

    monkeypatch.setattr(scoring, "score_block", rewritten)
    with pytest.raises(DamagedSourceError, match=rf"{sources[0].name} changed while it was read"):
        classify(sources, tmp_path / "map", options(learnt))
    assert not (tmp_path / "map").exists()


def test_nothing_stale_is_reused(work, learnt, tmp_path, monkeypatch):
    """The key of every block changes with the model, the precision, the source and the package."""

    def keys(**changes):
        from landuse.models.bundle import read_bundle
        from landuse.stages.survey import survey_chips

        chips = survey_chips(work.survey, TileOptions(**OPTIONS, min_valid=changes.get("min_valid", 0.5)))
        settings = planning.ScoreSettings(learnt, precision=changes.get("precision", "auto"))
        bundle = replace(read_bundle(learnt), name=changes.get("name", "learnt"))
        inputs = planning.identify_sources(chips.survey)
        if "modified" in changes:
            first = next(iter(inputs))
            inputs[first] = inputs[first].model_copy(update={"modified": "other"})
        return [w.key for w in planning.plan(chips, bundle, settings, inputs)]

    before = keys()
    assert keys() == before
    assert not set(before) & set(keys(name="other"))
    assert not set(before) & set(keys(precision="f32"))
    assert set(before) != set(keys(modified="other"))
    monkeypatch.setattr(planning, "__version__", "999")
    assert not set(before) & set(keys())


def truncated(work, folder):
    copies = [shutil.copy(p, folder / p.name) for p in work.survey]
    content = (folder / "part1.tif").read_bytes()
    (folder / "part1.tif").write_bytes(content[: len(content) // 2])
    return copies


def test_unreadable_chips_are_quarantined_and_named(work, learnt, result, tmp_path):
    sources = truncated(work, tmp_path)
    land, record = classify(sources, tmp_path / "map", options(learnt, max_quarantined=0.5))
    lost = record.counts["quarantined"]
    assert 0 < lost < 240
    with (tmp_path / "map" / "quarantine.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == lost
    assert {r["chip_id"] for r in rows} == set(land.chips.ids[~land.known])
    with rasterio.open(tmp_path / "map" / "landuse.tif") as raster:
        codes = raster.read(1)
    assert (codes == 0).sum() == lost
    assert np.array_equal(codes[codes > 0], work.codes[codes > 0])


def test_too_many_unreadable_chips_end_the_run(work, learnt, tmp_path):
    sources = truncated(work, tmp_path)
    with pytest.raises(TooManyQuarantinedError):
        classify(sources, tmp_path / "map", options(learnt))
    assert not (tmp_path / "map").exists()


def test_an_existing_result_is_kept_unless_asked(work, learnt, result):
    with pytest.raises(OutputExistsError, match="--fresh"):
        classify(work.survey, result[0], options(learnt))


def test_a_model_of_other_bands_is_refused(work, learnt, tmp_path):
    with pytest.raises(BandsError, match="3 bands"):
        classify(work.survey, tmp_path / "map", options(learnt, bands=(1, 2)))


def test_pixels_that_the_model_does_not_take_are_refused(work, learnt, tmp_path):
    with pytest.raises(UsageError, match="leave --chip-pixels out"):
        classify(work.survey, tmp_path / "map", ClassifyOptions(model=learnt, **OPTIONS | {"chip_px": 64}))
    _, record = classify(work.survey, tmp_path / "map", ClassifyOptions(model=learnt, chip_m=32.0))
    assert record.grid["chip_px"] == 32


def test_ground_without_imagery_is_refused_and_leaves_nothing(work, learnt, tmp_path):
    with pytest.raises(NoOverlapError):
        classify(work.survey, tmp_path / "map", options(learnt, bounds=(10.0, 50.0, 11.0, 51.0)))
    assert list(tmp_path.iterdir()) == []


def test_two_surveys_at_once_are_refused(work, learnt, tmp_path):
    tile(work.survey, tmp_path / "chips", TileOptions(**OPTIONS))
    with pytest.raises(UsageError, match="one folder of chips"):
        classify([tmp_path / "chips", *work.survey], tmp_path / "map", options(learnt))


def test_both_runtimes_agree(work, tmp_path):
    small.know_tiny()
    try:
        model = write_bundle(small.bundle(backbone=small.tiny_backbone()), tmp_path / "tiny.landuse")
        for runtime in ("openvino", "tensorflow"):
            classify(work.survey, tmp_path / runtime, options(model, runtime=runtime, precision="f32"))
    finally:
        small.forget_tiny()
    maps = [tmp_path / runtime / "probabilities.tif" for runtime in ("openvino", "tensorflow")]
    with rasterio.open(maps[0]) as a, rasterio.open(maps[1]) as b:
        assert np.abs(a.read() - b.read()).max() < 1e-3


def test_a_network_from_a_file_runs_on_openvino_alone(work, learnt, tmp_path):
    with pytest.raises(UsageError, match="use --runtime openvino"):
        classify(work.survey, tmp_path / "keras", options(learnt, runtime="tensorflow"))


def test_areas_stop_at_the_area_of_interest(work, learnt, tmp_path):
    """Of chips that an area cuts, from rasters or from a table of chips, only what lies inside is counted."""
    inside = shapely.box(WEST + 50, NORTH - 300, WEST + 340, NORTH - 10)
    frame = geopandas.GeoDataFrame({"name": ["here"]}, geometry=[inside], crs=UTM)
    frame.to_file(tmp_path / "aoi.gpkg")
    own = polygon_areas_ha(np.array([inside], object), UTM)[0]
    tile(work.survey, tmp_path / "chips", work.tile_options(aoi=tmp_path / "aoi.gpkg"))
    for number, (inputs, more) in enumerate(
        ((work.survey, {"aoi": tmp_path / "aoi.gpkg"}), ([tmp_path / "chips"], {}))
    ):
        out = tmp_path / str(number)
        classify(inputs, out, options(learnt, districts=tmp_path / "aoi.gpkg", formats="gpkg,fgb", **more))
        lines = read_summary(out / "summary.csv")
        assert sum(line.area_ha for line in lines) == pytest.approx(own, rel=1e-4)
        assert sum(line.share for line in lines) == pytest.approx(1, abs=1e-5)
        polygons = geopandas.read_file(out / "landuse.fgb")
        assert polygons["area_ha"].sum() == pytest.approx(own, rel=1e-4)
        by_class = pd.read_csv(out / "districts.csv").groupby("class")["area_ha"].sum()
        assert by_class["(not mapped)"] == pytest.approx(0, abs=1e-3)
        for line in lines:
            assert by_class[line.name] == pytest.approx(line.area_ha, rel=1e-4, abs=1e-4)


def test_areas_stop_at_the_edge_of_the_imagery(work, learnt, tmp_path):
    """Chips that the edge of the imagery cuts count with the part that has imagery."""
    narrow = raster(tmp_path / "narrow.tif", np.full((3, 80, 80), 90, np.uint8), Affine(1, 0, WEST, 0, -1, NORTH))
    classify([narrow], tmp_path / "map", options(learnt, min_valid=0.0))
    (own,) = polygon_areas_ha(np.array([shapely.box(WEST, NORTH - 80, WEST + 80, NORTH)], object), UTM)
    assert sum(line.area_ha for line in read_summary(tmp_path / "map" / "summary.csv")) == pytest.approx(own, rel=1e-3)


def test_a_file_of_districts_that_cannot_serve_stops_the_run_before_it_begins(work, learnt, tmp_path):
    with pytest.raises(UsageError, match="give their file with --districts"):
        classify(work.survey, tmp_path / "map", options(learnt, district_name="TOWN"))
    with pytest.raises(UsageError, match="no vector format 'shp'"):
        classify(work.survey, tmp_path / "map", options(learnt, formats="shp"))


def test_a_layer_of_a_file_of_districts_is_recorded_as_its_file(learnt, tmp_path):
    file = tmp_path / "wards.gpkg"
    file.touch()
    assert given(options(learnt, districts=f"{file}:b")) == (file,)


@pytest.mark.parametrize(
    ("name", "said", "sentence"),
    [("none.tif", None, "none.tif"), ("words.tif", b"words", "words.tif cannot be opened as a raster")],
)
def test_what_is_no_raster_is_named_and_not_what_cannot_be_written_for_it(learnt, tmp_path, name, said, sentence):
    if said is not None:
        (tmp_path / name).write_bytes(said)
    with pytest.raises((SourceNotFoundError, NotARasterError), match=sentence):
        classify([tmp_path / name], tmp_path / "map", options(learnt))
    assert [path.name for path in tmp_path.iterdir()] == ([] if said is None else [name])


@pytest.fixture(scope="module")
def cut(work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut") / "chips"
    tile(work.survey, folder, TileOptions(**OPTIONS))
    return folder


def corner(chips):
    """Longitudes and latitudes of the middle of the north-western quarter of some chips."""
    west, south, east, north = geopandas.read_parquet(chips / "chips.parquet").to_crs(4326).total_bounds
    return (
        west + (east - west) * 0.2,
        north - (north - south) * 0.3,
        west + (east - west) * 0.3,
        north - (north - south) * 0.2,
    )


def test_an_area_counts_for_chips_that_were_cut_before(work, learnt, cut, tmp_path):
    bounds = corner(cut)
    some, _ = classify([cut], tmp_path / "some", options(learnt, bounds=bounds))
    same, _ = classify(work.survey, tmp_path / "same", options(learnt, bounds=bounds))
    assert set(some.chips.ids) == set(same.chips.ids)
    assert 0 < len(some.chips) < 100
    with pytest.raises(NoOverlapError, match="Not one of the chips"):
        classify([cut], tmp_path / "none", options(learnt, bounds=(10.0, 50.0, 11.0, 51.0)))


@pytest.mark.parametrize(
    ("more", "flags"),
    [
        ({"bands": (3, 2, 1)}, "--bands"),
        ({"chip_m": 100.0, "crs": "EPSG:5070"}, "--chip-size and --crs"),
        ({"stretch": (0.0, 9.0), "collar": "keep"}, "--stretch and --collar"),
    ],
)
def test_what_cannot_change_chips_that_were_cut_before_is_refused(learnt, cut, tmp_path, more, flags):
    with pytest.raises(UsageError, match=f"leave {flags} out, or give the rasters"):
        classify([cut], tmp_path / "map", ClassifyOptions(model=learnt, **OPTIONS | more))
    assert not (tmp_path / "map").exists()
