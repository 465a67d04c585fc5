"""Doubtful labels: wrong ones are found by heads that have not seen them, right ones are kept."""

from dataclasses import replace

import numpy as np
import pytest

from landuse.errors import UsageError
from landuse.models.heads_linear import fit_logistic
from landuse.options.survey import TileOptions
from landuse.options.training import TrainOptions
from landuse.stages.tile import tile
from landuse.stages.train import samples_for, train, trusted
from landuse.training.backbone import backbone_bundle
from landuse.training.balance import likely_wrong
from tests.patchwork import OPTIONS


@pytest.fixture(scope="module")
def samples(work, chips):
    options = TrainOptions(backbone=str(work.model), cache=False)
    return samples_for([chips], backbone_bundle(str(work.model), None, 0), options)


def spoilt(samples, count, seed=0):
    """The samples with `count` labels moved on to the next class, and which those are."""
    chosen = np.random.default_rng(seed).choice(len(samples), count, replace=False)
    wrong = np.zeros(len(samples), bool)
    wrong[chosen] = True
    return replace(
        samples, targets=np.where(wrong[:, None], np.roll(samples.targets, 1, axis=1), samples.targets)
    ), wrong


def test_wrong_labels_are_found_and_right_ones_kept(samples):
    bad, wrong = spoilt(samples, 25)
    sure = trusted(bad, TrainOptions(regularisation=1.0, doubt_odds=10.0))
    assert sure[wrong].mean() < 0.1
    assert sure[~wrong].mean() > 0.98


def test_right_labels_are_all_kept(samples):
    assert trusted(samples, TrainOptions(regularisation=1.0, doubt_odds=10.0)).all()
    assert trusted(spoilt(samples, 25)[0], TrainOptions()).all()


def test_a_class_that_the_other_folds_lack_is_not_doubted(samples):
    folds = np.where(samples.positions == 0, 0, 1).astype(np.int64)
    found = likely_wrong(samples, folds, 10.0, lambda some: fit_logistic(some.features, some.positions, class_count=3))
    assert not found[samples.positions == 0].any()


def test_figures_count_the_doubtful_samples_too(work, tmp_path):
    codes = work.codes.copy()
    codes[::4, ::4] = np.where(codes[::4, ::4] == 2, 5, 2)
    import rasterio

    with rasterio.open(work.labels) as source, rasterio.open(tmp_path / "labels.tif", "w", **source.profile) as target:
        target.write(codes, 1)
    tile(
        work.survey, tmp_path / "chips", TileOptions(**OPTIONS, labels=tmp_path / "labels.tif", legend=str(work.legend))
    )
    options = TrainOptions(backbone=str(work.model), regularisation=1.0, doubt_odds=10.0, cache=False)
    bundle = train([tmp_path / "chips"], tmp_path / "m.landuse", options)
    assert bundle.training["doubtful"] > 20
    assert bundle.metrics["accuracy"] < 0.97
    assert bundle.metrics["n"] == bundle.training["held_out"]


def test_odds_must_favour_another_class():
    with pytest.raises(UsageError, match="greater than 1"):
        TrainOptions(doubt_odds=1.0)
