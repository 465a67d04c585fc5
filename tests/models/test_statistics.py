"""Statistics of bands in the graph of a backbone."""

import numpy as np
import pytest

from landuse.errors import BandsError
from landuse.models.dense import dense_shape
from landuse.models.libraries import ops, ov
from landuse.models.statistics import LEVELS, OF_A_PLANE, planes_of, with_statistics
from tests.models import small

BANDS = ("red", "green", "blue", "nir")
PX = 64


def convolutional():
    """A backbone of 64 px whose map has cells of 32 pixels."""
    layers = small.Layers()
    image, found = small.image_of(PX)
    for width in (4, 4, 6, 6, 8):
        found = ops.relu(layers.conv(found, width))
    return small.made(small.means(found), image)


def features(backbone, images):
    return ov.Core().compile_model(backbone.graph(), "CPU")(images)[0]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (3, PX, PX, 4), dtype=np.uint8)


@pytest.fixture(scope="module")
def found(images):
    """Statistics by kind and plane, (n, kinds, planes), of a backbone that sees three of four bands."""
    backbone = with_statistics(convolutional(), BANDS)
    seen = features(backbone, images)
    assert seen.shape == (3, backbone.features) == (3, 8 + OF_A_PLANE * 6)
    return seen[:, 8:].reshape(3, OF_A_PLANE, 6)


def test_what_the_network_sees_stays(images):
    own = convolutional()
    np.testing.assert_allclose(
        features(with_statistics(own, BANDS), images)[:, :8], features(own, images[..., :3]), atol=1e-4
    )


def test_bands_may_come_in_any_order(images):
    own = convolutional()
    turned = with_statistics(own, ("nir", "blue", "green", "red"))
    np.testing.assert_allclose(features(turned, images[..., ::-1])[:, :8], features(own, images[..., :3]), atol=1e-4)


def test_means_of_bands_and_indices(images, found):
    values = images.astype(np.float64)
    np.testing.assert_allclose(found[:, 0, :4], values.mean(axis=(1, 2)), rtol=1e-4)
    red, green, nir = (values[..., band] for band in (0, 1, 3))
    ndvi, ndwi = (nir - red) / (nir + red + 1), (green - nir) / (green + nir + 1)
    for plane, index in ((4, ndvi), (5, ndwi)):
        np.testing.assert_allclose(found[:, 0, plane], 127.5 + 127.5 * index.mean(axis=(1, 2)), rtol=1e-3)


def test_deviations_are_those_of_cells(images, found):
    cells = images[..., :4].astype(np.float64).reshape(3, 2, 32, 2, 32, 4)
    np.testing.assert_allclose(found[:, 1, :4], cells.std(axis=(2, 4)).mean(axis=(1, 2)), rtol=1e-3)


def test_shares_below_levels_rise_to_one(found):
    below = found[:, 4:, :4]
    assert (np.diff(below, axis=1) > 0).all()
    np.testing.assert_allclose(below[:, 3], LEVELS[3] / 256, atol=0.05)


def test_a_flat_chip_has_no_texture():
    flat = np.full((1, PX, PX, 4), 90, np.uint8)
    seen = features(with_statistics(convolutional(), BANDS), flat)[:, 8:].reshape(OF_A_PLANE, 6)
    np.testing.assert_allclose(seen[1:4], 0, atol=0.05)


def test_a_dense_grid_takes_them_of_every_cell():
    assert dense_shape(with_statistics(convolutional(), BANDS), 64, "four").found.channels == 8 + OF_A_PLANE * 6


def test_a_network_without_a_map_gets_them_too(images):
    backbone = with_statistics(small.backbone(), BANDS)
    seen = features(backbone, images[:, :32, :32])
    np.testing.assert_allclose(seen[:, 6:10], images[:, :32, :32].mean(axis=(1, 2)), rtol=1e-4)


def test_planes_are_bands_and_the_indices_that_they_allow():
    assert planes_of(BANDS) == (*BANDS, "ndvi", "ndwi")
    assert planes_of(("red", "green", "blue")) == ("red", "green", "blue")
    assert planes_of(("red", "nir")) == ("red", "nir", "ndvi")


def test_a_survey_without_the_networks_bands_is_refused():
    with pytest.raises(BandsError, match="--band-names"):
        with_statistics(convolutional(), ("coastal", "green", "blue", "nir"))
