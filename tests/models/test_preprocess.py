import numpy as np
import pytest
from pydantic import ValidationError

from landuse.models.architectures import CAFFE, SIGNED, Preprocess


def test_signed_maps_the_ends_to_one():
    image = np.array([0, 255, 127], np.uint8).reshape(1, 1, 3)
    assert np.allclose(SIGNED.apply(image), [[[-1, 1, -0.5 / 127.5]]], atol=1e-6)


def test_caffe_reverses_bands_before_the_means():
    image = np.array([200, 100, 50], np.uint8).reshape(1, 1, 3)
    assert np.allclose(CAFFE.apply(image), [[[50 - 103.939, 100 - 116.779, 200 - 123.68]]], atol=1e-4)


@pytest.mark.parametrize(
    "bad",
    [
        {"std": (0.0,)},
        {"std": (float("inf"),)},
        {"mean": (float("nan"),)},
        {"mean": (1, 2), "std": (1, 2, 3)},
        {"order": "gbr"},
        {"code": "x"},
    ],
)
def test_unsound_values_are_refused(bad):
    with pytest.raises(ValidationError):
        Preprocess(**bad)


def test_one_value_fits_any_number_of_bands():
    assert SIGNED.fits(3)
    assert SIGNED.fits(4)
    assert not CAFFE.fits(4)
