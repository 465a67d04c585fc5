"""What a map says of ground that its model has never seen: column, outlines, count and sentence, on every way through."""

from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pytest
from click.testing import CliRunner

from landuse.chips import read_columns
from landuse.cli.classify import classify as command
from landuse.cli.classify import unfamiliar_sentence
from landuse.engine.progress import Progress
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.novelty import FLAG, Novelty
from landuse.outputs.record import damaged_files, read_record
from landuse.scoring import ScoreSettings, score_chips
from landuse.stages.classify import ClassifyOptions, classify
from landuse.stages.tile import TileOptions, tile
from landuse.stages.train import train
from landuse.training.options import TrainOptions
from tests.patchwork import OPTIONS


@pytest.fixture(scope="module")
def learnt(work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tile(work.survey, folder / "chips", TileOptions(**OPTIONS, labels=work.labels, legend=str(work.legend)))
    return train([folder / "chips"], folder / "learnt.landuse", TrainOptions(backbone=str(work.model)))


def strange_model(learnt, work, folder):
    """The model as if it had learnt from one class of the patches alone."""
    out = folder / "map_of_all"
    model = write_bundle(learnt, folder / "all.landuse")
    chips = classify(work.survey, out, options(model))[0]
    first = chips.codes == chips.codes.min()
    with Progress(len(chips.chips), "chips") as progress:
        scores = score_chips(chips.chips, ScoreSettings(model, features=True), folder / "parts", progress)
    centre = scores.features[first].mean(axis=0, keepdims=True)
    centres = (centre / np.linalg.norm(centre)).astype(np.float16).astype(np.float32)
    plain = replace(learnt, novelty=Novelty(centres, np.zeros(1001, np.float32)))
    own = np.sort(plain.novelty.distance(scores.features[first]))
    levels = np.quantile(own, np.linspace(0, 1, 1001)).astype(np.float32) + np.float32(1e-6)
    return write_bundle(replace(learnt, novelty=Novelty(centres, levels)), folder / "strange.landuse"), first


def options(model, **more):
    return ClassifyOptions(model=str(model), tile=TileOptions(**OPTIONS), **more)


@pytest.fixture(scope="module")
def strange(work, learnt, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strange")
    model, first = strange_model(learnt, work, folder)
    out = folder / "map"
    land, record = classify(work.survey, out, options(model))
    return model, first, out, land, record


def test_training_leaves_behind_what_its_ground_looks_like(learnt):
    assert learnt.novelty is not None
    assert learnt.novelty.feature_count == learnt.head.feature_count


def test_a_head_on_a_model_forgets_the_ground_of_that_model(work, learnt, tmp_path):
    base = replace(
        learnt, novelty=Novelty(np.ones((1, learnt.head.feature_count), np.float32), np.zeros(1001, np.float32))
    )
    tile(work.survey, tmp_path / "chips", TileOptions(**OPTIONS, labels=work.labels, legend=str(work.legend)))
    write_bundle(base, tmp_path / "base")
    again = train(
        [tmp_path / "chips"], tmp_path / "again.landuse", TrainOptions(backbone=str(tmp_path / "base.landuse"))
    )
    assert (again.novelty.centres == learnt.novelty.centres).all()


def test_each_chip_says_how_new_its_ground_is(strange):
    _, first, out, land, _ = strange
    novelty = read_columns(out, ["novelty"])["novelty"].to_numpy()
    assert novelty.dtype == np.float32
    assert ((novelty >= 0) & (novelty <= 1)).all()
    assert (novelty[~first] >= FLAG).all()
    assert (novelty[first] >= FLAG).mean() < 0.1
    assert len(land.codes) == len(novelty)


def test_unfamiliar_ground_is_outlined_and_counted(strange):
    _, _, out, _, record = strange
    novelty = read_columns(out, ["novelty"])["novelty"].to_numpy()
    outlines = geopandas.read_file(out / "novelty.geojson")
    assert record.counts["unfamiliar"] == (novelty >= FLAG).sum() == outlines["cells"].sum()
    assert damaged_files(out, read_record(out)) == {}
    points = geopandas.read_parquet(out / "chips.parquet").geometry.centroid.to_crs(4326)
    inside = points.within(outlines.union_all())
    assert (inside.to_numpy() == (novelty >= FLAG)).all()


def test_a_model_that_does_not_know_says_nothing(learnt, work, tmp_path):
    model = write_bundle(replace(learnt, novelty=None), tmp_path / "silent")
    _, record = classify(work.survey, tmp_path / "map", options(model))
    assert "unfamiliar" not in record.counts
    assert not (tmp_path / "map/novelty.geojson").exists()
    assert read_bundle(model).novelty is None


def test_the_command_says_so_where_it_is_much(strange, work, tmp_path):
    flags = ["--chip-size", str(OPTIONS["chip_m"])] if "chip_m" in OPTIONS else []
    done = CliRunner().invoke(
        command,
        [
            *map(str, work.survey),
            "--model",
            str(strange[0]),
            "--master",
            "inline",
            "--out",
            str(tmp_path / "m"),
            *flags,
        ],
    )
    assert "hardly seen ground" in done.output, done.output
    assert "novelty.geojson" in done.output


@pytest.mark.parametrize(("counts", "said"), [({}, False), ({"unfamiliar": 1}, False), ({"unfamiliar": 30}, True)])
def test_a_hundredth_is_no_surprise(counts, said):
    assert bool(unfamiliar_sentence({"classified": 100} | counts, Path("x"))) is said
    assert unfamiliar_sentence({"classified": 0}, Path("x")) == ""
