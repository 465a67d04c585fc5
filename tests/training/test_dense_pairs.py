"""The alignment of a dense grid, measured on chips of training data."""

from dataclasses import replace

import numpy as np
import pytest

from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.dense import OpenVinoDense, dense_shape
from landuse.stages.tile import tile
from landuse.training.backbone import with_alignment
from tests.models import small
from tests.scoring.dense_model import CELL, dense_bundle, place


@pytest.fixture(scope="module")
def chips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    here = place(folder, rows=8, cols=9)
    tile([here.survey], folder / "chips", here.options())
    return folder / "chips"


def test_a_model_learns_how_its_chips_look_in_their_ground(chips, tmp_path):
    model = with_alignment(dense_bundle(), [chips], 0)
    assert model.alignment is not None
    assert with_alignment(dense_bundle(), [chips], 0).digest == model.digest != dense_bundle().digest
    read = read_bundle(write_bundle(model, tmp_path / "aligned"))
    assert np.array_equal(read.alignment.factor, model.alignment.factor)
    shape = dense_shape(model.backbone, CELL, "x")
    image = np.random.default_rng(1).integers(0, 256, (1, 112, 112, 3), dtype=np.uint8)
    plain, aligned = (OpenVinoDense(bundle, shape, "f32") for bundle in (dense_bundle(), read))
    found = next(plain.maps(iter(image)))
    seen = np.ones(found.shape[1:], bool)
    before, after = (network.cells(found, seen) for network in (plain, aligned))
    lines = before.features * read.alignment.factor + read.alignment.offset
    assert np.allclose(after.features, lines, atol=1e-4)
    assert np.allclose(after.probabilities, model.head.apply(lines), atol=1e-4)


def test_pairs_are_nearer_once_aligned(chips):
    from landuse.chips import read_chips
    from landuse.training import backbone

    model = dense_bundle()
    shape = dense_shape(model.backbone, CELL, "x")
    windows = list(backbone._windows(read_chips(chips), shape, 64, 5))
    dense, alone = backbone._features(model, shape, windows)
    lines = with_alignment(model, [chips], 0).alignment
    assert len(windows) == 6 * 7  # chips with imagery all around
    assert np.abs(dense * lines.factor + lines.offset - alone).mean() < 0.5 * np.abs(dense - alone).mean()


def test_without_chips_of_ground_a_model_keeps_what_came_with_its_backbone(chips, tmp_path):
    known = with_alignment(dense_bundle(), [chips], 0)
    assert with_alignment(known, [tmp_path], 0) is known
    pooled = replace(small.bundle(), alignment=known.alignment)
    assert with_alignment(pooled, [chips], 0).alignment is known.alignment
