"""Tuning: all settings are tried on the training side alone, and the best is refitted."""

import csv

import numpy as np
import pytest

from landuse.errors import UsageError
from landuse.models.bundle import read_bundle, write_bundle
from landuse.options.training import TrainOptions, TuneOptions
from landuse.stages import tune as tuning
from landuse.stages.train import train
from landuse.stages.tune import settings_of, tune
from tests.models import small


def options(work, **more):
    return TrainOptions(backbone=str(work.model), **more)


def test_the_best_setting_is_refitted(work, chips, tmp_path):
    grid = {"regularisation": (1e-8, 1.0), "balance": ("weights", "none")}
    found = tune([chips], tmp_path / "m.landuse", options(work), TuneOptions(grid=grid, folds=3, measure="log_loss"))
    assert len(found.trials) == 4
    assert found.trials[0].setting["regularisation"] == 1.0
    assert all(len(t.scores) == 3 for t in found.trials)
    report = found.bundle.training["tuning"]
    assert report["best"] == dict(found.trials[0].setting)
    plain = train([chips], tmp_path / "n.landuse", options(work, **found.trials[0].setting))
    assert np.array_equal(plain.head.weight, found.bundle.head.weight)
    assert plain.metrics == found.bundle.metrics
    rows = list(csv.DictReader((tmp_path / "m.tuning.csv").open()))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert {(row["regularisation"], row["balance"]) for row in rows} == {
        (str(c), b) for c in grid["regularisation"] for b in grid["balance"]
    }
    assert float(rows[0]["log_loss"]) < float(rows[-1]["log_loss"])
    assert read_bundle(tmp_path / "m.landuse").digest == found.bundle.digest


def test_the_test_side_takes_no_part(work, chips, tmp_path, monkeypatch):
    seen = []
    run = tuning.run_trial
    monkeypatch.setattr(tuning, "run_trial", lambda job, item: seen.append(job) or run(job, item))
    found = tune([chips], tmp_path / "m.landuse", options(work), TuneOptions(grid={"regularisation": (0.1,)}, folds=3))
    parts = found.bundle.training["split"]
    assert all(len(job.samples) == parts["train"] for job in seen)
    assert sum(s.samples for s in found.trials[0].scores) == parts["train"]
    for fold in seen[0].splits:
        blocks = seen[0].samples.layout.places.blocks()
        assert not set(blocks[fold.train]) & set(blocks[fold.test])


def test_backbones_are_compared_on_the_same_folds(work, chips, tmp_path):
    other = small.bundle(backbone=small.backbone(5), name="other")
    second = write_bundle(other, tmp_path / "other.landuse")
    grid = {"backbone": (str(work.model), str(second)), "regularisation": (1.0,)}
    found = tune([chips], tmp_path / "m.landuse", options(work), TuneOptions(grid=grid, folds=2, measure="log_loss"))
    assert found.trials[0].mean("log_loss") <= found.trials[1].mean("log_loss")
    best = read_bundle(tmp_path / "m.landuse")
    known = read_bundle(type(second)(found.trials[0].setting["backbone"]))
    assert best.backbone.digest == known.backbone.digest


@pytest.mark.spark
def test_spark_finds_what_inline_finds(work, chips, tmp_path, spark):
    grid = TuneOptions(grid={"regularisation": (0.01, 1.0)}, folds=2)
    one, two = (
        tune([chips], tmp_path / f"{i}.landuse", options(work, master=master), grid).trials
        for i, master in enumerate(("inline", "local[2]"))
    )
    for a, b in zip(one, two, strict=True):
        assert a.setting == b.setting
        assert a.mean("log_loss") == pytest.approx(b.mean("log_loss"), abs=1e-4)


def test_random_search_draws_settings_of_the_grid():
    grid = TuneOptions(grid={"regularisation": tuple(range(1, 20)), "balance": ("weights", "none")}, draws=7)
    drawn = settings_of(grid, TrainOptions())
    assert len({tuple(s.items()) for s in drawn}) == 7
    assert drawn == settings_of(grid, TrainOptions())
    assert drawn != settings_of(grid, TrainOptions(seed=1))
    assert len(settings_of(TuneOptions(grid=grid.grid, draws=99), TrainOptions())) == 38


def test_folds_alone_report_how_the_model_does(work, chips, tmp_path):
    found = tune([chips], tmp_path / "m.landuse", options(work, regularisation=1.0), TuneOptions(grid={}, folds=3))
    assert len(found.trials) == 1
    rows = list(csv.DictReader((tmp_path / "m.folds.csv").open()))
    assert [row["fold"] for row in rows] == ["1", "2", "3"]
    assert sum(int(row["samples"]) for row in rows) == found.bundle.training["split"]["train"]
    said = found.bundle.training["cross_validation"]
    assert said["folds"] == 3
    assert said["accuracy"]["mean"] == pytest.approx(found.trials[0].mean("accuracy"))
    assert said["accuracy"]["mean"] > 0.95
    assert "tuning" not in found.bundle.training
    assert not (tmp_path / "m.tuning.csv").exists()


def test_the_elastic_net_can_be_tuned(work, chips, tmp_path):
    grid = {"reg_param": (0.001, 10.0), "elastic_net": (0.5,)}
    found = tune([chips], tmp_path / "m.landuse", options(work), TuneOptions(grid=grid, folds=2, measure="log_loss"))
    assert found.trials[0].setting == {"reg_param": 0.001, "elastic_net": 0.5}
    assert found.bundle.training["head"]["elastic_net"] == 0.5


@pytest.mark.spark
def test_kinds_of_heads_are_compared(work, chips, tmp_path, spark):
    small_forest = options(work, regularisation=1.0, master="local[2]", trees=3, depth=3, holdout=0.0)
    grid = {"head": ("forest", "logistic")}
    found = tune([chips], tmp_path / "m.landuse", small_forest, TuneOptions(grid=grid, folds=2))
    assert {t.setting["head"] for t in found.trials} == {"forest", "logistic"}
    assert all(t.mean("accuracy") > 0.6 for t in found.trials)


def test_what_cannot_be_tuned(work, chips, tmp_path):
    for grid, words in (
        ({"holdout": (0.1,)}, "their split"),
        ({"nosuch": (1,)}, "no option"),
        ({"balance": ()}, "no value"),
        ({"regularisation": range(200), "class_weights": range(100)}, "more than"),
    ):
        with pytest.raises(UsageError, match=words):
            settings_of(TuneOptions(grid=grid), TrainOptions())
    with pytest.raises(UsageError, match="--block-m"):
        far = options(work, block_m=1e6)
        tune([chips], tmp_path / "m.landuse", far, TuneOptions(grid={"regularisation": (1.0,)}))
    assert not (tmp_path / "m.landuse").exists()
