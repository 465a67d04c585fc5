"""Lines by which features of a dense grid are brought to those of chips."""

import numpy as np
import pytest
from safetensors.numpy import save

from landuse.errors import ModelFileError
from landuse.models.backbone import Alignment, fit_alignment


def test_lines_are_found_again():
    rng = np.random.default_rng(0)
    dense = rng.normal(5, [1, 2, 0.5], (200, 3)).astype(np.float32)
    alone = dense * [0.8, 1.2, 1] + [1, -2, 0] + rng.normal(0, 0.01, (200, 3))
    found = fit_alignment(dense, alone.astype(np.float32))
    assert np.allclose(found.factor, [0.8, 1.2, 1], atol=0.02)
    assert np.allclose(dense * found.factor + found.offset, alone, atol=0.1)


def test_a_feature_that_does_not_vary_is_moved_and_none_is_turned_around():
    dense = np.stack([np.full(20, 3.0), np.arange(20)], 1).astype(np.float32)
    alone = np.stack([np.full(20, 4.0), -np.arange(20)], 1).astype(np.float32)
    found = fit_alignment(dense, alone)
    assert found.factor.tolist() == [1, 0]
    assert found.offset.tolist() == [1, -9.5]


def test_few_pairs_say_nothing():
    assert fit_alignment(np.ones((15, 2), np.float32), np.ones((15, 2), np.float32)) is None


def test_what_is_packed_is_unpacked_and_strangers_are_refused():
    ones = np.ones(3, np.float32)
    found = Alignment.unpack(save({"factor": ones, "offset": ones * 2}), 3, "x")
    assert found.pack() == save({"factor": ones, "offset": ones * 2})
    wrong = [b"x", save({"factor": ones}), save({"factor": ones, "offset": ones[:2]})]
    wrong.append(save({"factor": ones, "offset": ones * np.nan}))
    for data in wrong:
        with pytest.raises(ModelFileError):
            Alignment.unpack(data, 3, "x")
