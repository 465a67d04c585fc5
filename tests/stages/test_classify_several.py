"""classify, diff and map with a model that gives a chip any number of classes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from click.testing import CliRunner

from landuse.chips import read_columns
from landuse.cli.main import landuse
from landuse.errors import ConfigError, UsageError
from landuse.legend import LandClass, Legend
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.heads_linear import Penalty, fit_multi_logistic
from landuse.models.runtime import open_runtime
from landuse.options.survey import ClassifyOptions
from landuse.outputs.categories import read_summary
from landuse.outputs.land_use_map import COMPONENTS, PROBABILITIES, LandUseMap
from landuse.outputs.page import write_map
from landuse.outputs.record import RECORD, damaged_files, read_record
from landuse.scoring import run as scoring
from landuse.stages.classify import classify
from landuse.stages.diff import diff
from landuse.stages.info import info
from tests.made import raster
from tests.patchwork import CHIP, OPTIONS, patchwork

SEVERAL = Legend(
    name="several",
    classes=(
        LandClass(code=2, name="Field", color="#d8b365"),
        LandClass(code=5, name="Water", color="#2b6cb0"),
        LandClass(code=9, name="Dry", color="#7a5c3a"),
    ),
)
TRUE = {"Field": lambda codes: codes == 2, "Water": lambda codes: codes == 5, "Dry": lambda codes: codes != 5}
"""What is so where: fields are dry too, water is nothing else."""


def options(model, **more):
    return ClassifyOptions(model=str(model), **OPTIONS, **more)


def images(work):
    """Pixels uint8 (rows * cols, px, px, 3) of the chips, north up."""
    parts = []
    for path in work.survey:
        with rasterio.open(path) as dataset:
            parts.append(dataset.read())
    bands, (rows, cols) = np.concatenate(parts, axis=2), work.codes.shape
    return bands.reshape(3, rows, CHIP, cols, CHIP).transpose(1, 3, 2, 4, 0).reshape(-1, CHIP, CHIP, 3)


@pytest.fixture(scope="module")
def several(work, learnt, tmp_path_factory):
    """A model file whose head has learnt three classes that overlap."""
    base = read_bundle(learnt)
    features = open_runtime(base).predict(np.ascontiguousarray(images(work))).features
    codes = work.codes.ravel()
    targets = np.stack([true(codes) for true in TRUE.values()], axis=1).astype(np.float32)
    head = fit_multi_logistic(features, targets, np.ones(targets.shape), Penalty(1e-3))
    head = replace(head, thresholds=np.array([0.4, 0.5, 0.6], np.float32))
    return write_bundle(replace(base, head=head, legend=SEVERAL), tmp_path_factory.mktemp("model") / "several.landuse")


@pytest.fixture(scope="module")
def result(work, several, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "2014"
    land, record = classify(work.survey, out, options(several))
    return out, land, record


def test_every_class_that_is_there_is_given(work, result):
    out, land, record = result
    assert record.details["thresholds"] == pytest.approx({"Field": 0.4, "Water": 0.5, "Dry": 0.6})
    with rasterio.open(out / "probabilities.tif") as dataset:
        assert dataset.descriptions == ("Field", "Water", "Dry")
        bands = dataset.read()
    for band, limit, true in zip(bands, (0.4, 0.5, 0.6), TRUE.values(), strict=True):
        assert np.array_equal(band >= limit, true(work.codes))
    assert bands.sum(axis=0).max() > 1.5
    assert land.thresholds.tolist() == pytest.approx([0.4, 0.5, 0.6])


def test_no_raster_pretends_that_a_chip_has_one_class(result):
    out, _, record = result
    assert {p.name for p in out.iterdir()} == {
        "probabilities.tif", "components.tif", "landuse.geojson", "landuse.gpkg", "chips.parquet",
        "summary.csv", "quarantine.csv",
        "run.json", "item.json", "landuse.qml", "landuse.polygons.sld", "probabilities.qml", "probabilities.raster.sld",
        "landuse.polygons.lyrx", "summary.parquet", "tables.xlsx",
    }  # fmt: skip
    assert damaged_files(out, record) == {}


def test_the_table_lists_the_classes_of_each_chip(result):
    table = read_columns(result[0], ["classes", "p_Field", "p_Water", "p_Dry"]).to_pydict()
    lines = zip(*table.values(), strict=True)
    for classes, *probabilities in lines:
        named = zip(SEVERAL.names, probabilities, (0.4, 0.5, 0.6), strict=True)
        assert classes == [name for name, p, limit in named if p >= np.float32(limit)]
    assert ["Field", "Dry"] in table["classes"]
    assert len(geopandas.read_parquet(result[0] / "chips.parquet")) == 480


def test_polygons_and_summary_tell_the_same_areas(work, result):
    frame = geopandas.read_file(result[0] / "landuse.geojson")
    assert frame.geometry.is_valid.all()
    lines = {line.name: line for line in read_summary(result[0] / "summary.csv")}
    for name, true in TRUE.items():
        assert frame.loc[frame["class"] == name, "area_ha"].sum() == pytest.approx(lines[name].area_ha, rel=1e-5)
        assert lines[name].chips == true(work.codes).sum()
        assert lines[name].share == pytest.approx(true(work.codes).mean(), abs=1e-3)


@pytest.mark.spark
def test_spark_gives_the_same_rows_as_inline(work, several, result, tmp_path, spark):
    classify(work.survey, tmp_path / "spark", options(several, master="local[2]"))
    for name in ("probabilities.tif", "landuse.geojson", "summary.csv"):
        assert (tmp_path / "spark" / name).read_bytes() == (result[0] / name).read_bytes(), name
    columns = ["chip_id", "classes", "p_Field", "p_Water", "p_Dry"]
    assert read_columns(tmp_path / "spark", columns).equals(read_columns(result[0], columns))


def test_an_interrupted_run_goes_on_where_it_stopped(work, several, result, tmp_path, monkeypatch):
    real, done = scoring.score_block, []

    def second_fails(job, block):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(block.key)
        return real(job, block)

    monkeypatch.setattr(scoring, "score_block", second_fails)
    with pytest.raises(KeyboardInterrupt):
        classify(work.survey, tmp_path / "map", options(several))
    monkeypatch.setattr(scoring, "score_block", real)
    _, record = classify(work.survey, tmp_path / "map", options(several))
    assert record.counts["blocks_reused"] == 1
    for name in ("probabilities.tif", "landuse.geojson", "summary.csv"):
        assert (tmp_path / "map" / name).read_bytes() == (result[0] / name).read_bytes(), name


def test_a_chip_that_cannot_be_read_has_no_list(work, several, tmp_path):
    broken = tmp_path / "part0.tif"
    data = work.survey[0].read_bytes()
    broken.write_bytes(data[: len(data) * 9 // 10])
    out = tmp_path / "map"
    _, record = classify([broken, work.survey[1]], out, options(several, max_quarantined=0.5))
    lost = read_columns(out, ["classes"])["classes"].null_count
    assert lost == record.counts["quarantined"] > 0


def test_kept_features_serve_a_model_of_several_classes(work, learnt, several, result, tmp_path):
    classify(work.survey, tmp_path / "kept", options(learnt, keep_features=True))
    classify([tmp_path / "kept"], tmp_path / "map", ClassifyOptions(model=str(several)))
    ours, theirs = (read_columns(p, ["classes"]).to_pydict() for p in (result[0], tmp_path / "map"))
    assert ours == theirs


def test_thresholds_that_a_stranger_wrote_are_checked(result, tmp_path):
    record = json.loads((result[0] / RECORD).read_text())
    for said in ({"Field": 0.4}, {"Field": 0.4, "Water": "x", "Dry": 2}, [0.4]):
        (tmp_path / RECORD).write_text(json.dumps(record | {"details": {"thresholds": said}}))
        with pytest.raises(ConfigError, match="thresholds"):
            _ = LandUseMap(tmp_path).thresholds


@pytest.fixture(scope="module")
def later(work, several, tmp_path_factory):
    """A map of the same place after a fifth of it has changed, and the codes that are true then."""
    folder = tmp_path_factory.mktemp("later")
    other = patchwork(folder / "other", seed=1)
    changed = np.random.default_rng(2).random(work.codes.shape) < 0.2
    mask = changed.repeat(CHIP, 0).repeat(CHIP, 1)
    half = mask.shape[1] // 2
    survey = []
    for number, (before, after) in enumerate(zip(work.survey, other.survey, strict=True)):
        with rasterio.open(before) as one, rasterio.open(after) as two:
            pixels = np.where(mask[:, number * half : (number + 1) * half], two.read(), one.read())
            survey.append(raster(folder / f"part{number}.tif", pixels, one.transform))
    out = folder / "2020"
    classify(survey, out, options(several))
    return out, np.where(changed, other.codes, work.codes)


def test_change_is_told_class_by_class(work, result, later, tmp_path):
    out, codes = later
    summary = diff([result[0], out], tmp_path / "diff").summary
    assert list(summary["classes"]) == list(TRUE)
    read = {Path(one.path) for one in read_record(tmp_path / "diff").inputs}
    assert {folder / name for folder in (result[0], out) for name in (PROBABILITIES, COMPONENTS)} <= read
    for number, (name, true) in enumerate(TRUE.items(), 1):
        folder = tmp_path / "diff" / f"{number}_{name}"
        before, after = true(work.codes), true(codes)
        with rasterio.open(folder / "change.tif") as dataset:
            found = dataset.read(1)
        assert np.array_equal(found == 102, ~before & after)
        assert np.array_equal(found == 201, before & ~after)
        area = summary["classes"][name]["area_by_change"]
        assert area["after"] - area["before"] == pytest.approx(area["gained"] - area["lost"], abs=1e-3)
        assert area["gained"] == pytest.approx((~before & after).sum() * 0.1024, rel=2e-3)
        assert {f["properties"]["to"] for f in json.loads((folder / "change.geojson").read_text())["features"]} == {
            name,
            f"not {name}",
        }
    assert damaged_files(tmp_path / "diff", read_record(tmp_path / "diff")) == {}
    check_what_is_said_of_all(tmp_path / "diff", summary["classes"])


def check_what_is_said_of_all(folder, classes):
    """The table, the STAC item and `landuse info` of a comparison of several classes tell the same of each."""
    import pystac

    table = pd.read_csv(folder / "classes.csv").set_index("class")
    assert table.index.tolist() == list(classes)
    for name, one in classes.items():
        assert table.loc[name, "gained_ha"] == pytest.approx(one["area_by_change"]["gained"])
        assert table.loc[name, "sites"] == one["sites"]
    item = pystac.Item.from_file(str(folder / "item.json"))
    rasters = [asset for name, asset in item.assets.items() if name.endswith("/change.tif")]
    assert len(rasters) == len(classes)
    assert all(Path(asset.get_absolute_href()).is_file() for asset in item.assets.values())
    told = [value for label, value in info(folder).lines if label == "class"]
    assert [value.split(":")[0] for value in told] == list(classes)
    assert [value.split(" -> ")[1] for value in told] == [one["folder"] for one in classes.values()]


def test_nothing_changes_where_nothing_changed(result, tmp_path):
    summary = diff([result[0], result[0]], tmp_path / "diff").summary
    assert {found["cells"]["confirmed"] for found in summary["classes"].values()} == {0}


def test_maps_of_two_kinds_are_not_compared(work, learnt, result, tmp_path):
    classify(work.survey, tmp_path / "single", options(learnt))
    for pair in ((tmp_path / "single", result[0]), (result[0], tmp_path / "single")):
        with pytest.raises(UsageError, match="maps of one kind"):
            diff(pair, tmp_path / "diff")
        with pytest.raises(UsageError, match="cannot share a page"):
            write_map(pair, tmp_path / "map.html")
    with pytest.raises(UsageError, match="two at a time"):
        diff([result[0]] * 3, tmp_path / "diff")
    assert not (tmp_path / "diff").exists()


def test_the_commands_say_that_areas_overlap(work, several, later, result, tmp_path):
    runner = CliRunner()
    arguments = ["classify", *map(str, work.survey), "--model", str(several), "--out", str(tmp_path / "map")]
    said = runner.invoke(landuse, [*arguments, "--chip-size", "32", "--chip-pixels", "32", "--master", "inline"])
    assert "these areas overlap" in said.output
    said = runner.invoke(landuse, ["diff", str(result[0]), str(later[0]), "--out", str(tmp_path / "diff")])
    assert "3 classes compared between 2014 and 2020" in said.output
    assert said.exit_code == 0, said.output


def test_the_page_lets_pick_a_class(result, later, tmp_path):
    diff([result[0], later[0]], tmp_path / "diff")
    write_map([result[0], later[0], tmp_path / "diff"], tmp_path / "map.html")
    text = (tmp_path / "map.html").read_text()
    data = json.loads(re.search(r'id="landuse-data">(.*?)</script>', text, re.S)[1])
    assert data["several"]
    assert len(data["years"][0]["grid"]["layers"]) == 3
    areas = data["years"][-1]["areas"]
    assert max(areas, key=areas.get) == "2"
    assert "2014 to 2020 (Water)" in [change["name"] for change in data["changes"]]
