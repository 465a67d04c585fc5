import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from landuse.legend import load_legend
from tests.tools.pretrain.test_sources import folders
from tools.pretrain.kinds import image_views, rows_of
from tools.pretrain.sources import read_source
from tools.pretrain.views import PX
from tools.pretrain.water import read_chips, wet

LEGEND = load_legend("landuse7")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return read_source(folders(tmp_path_factory.mktemp("images"), ("beach", "harbor", "river"), each=20))


@pytest.mark.parametrize(("kind", "each"), [("plain", 20), ("lit", 7), ("coarse", 5), ("far", 5)])
def test_views_of_each_kind_are_of_classes_that_the_legend_has(source, kind, each):
    views = image_views(source, LEGEND, kind, np.random.default_rng(0))
    assert views.images.shape == (2 * each, PX, PX, 3)
    assert np.bincount(views.labels, minlength=7).tolist() == [0, each, 0, 0, 0, 0, each]
    assert (views.held_out == source.held_out[rows_of(source, LEGEND, kind)]).all()


def test_a_mosaic_of_images_to_learn_from_shows_none_that_is_held_out(source, monkeypatch):
    marked = np.where(source.held_out, 255, 0).astype(np.uint8)[:, None, None, None] + np.zeros(
        (1, 32, 32, 3), np.uint8
    )
    monkeypatch.setattr(type(source), "images", lambda self, side=0: marked)
    monkeypatch.setattr("tools.pretrain.kinds.spoil", lambda image, rng: image)
    views = image_views(source, LEGEND, "far", np.random.default_rng(0))
    for image, held in zip(views.images, views.held_out, strict=True):
        assert (image == (255 if held else 0)).all()


def test_water_is_where_green_is_brighter_than_infrared():
    green, infrared = np.array([60, 60, 0], np.uint8), np.array([20, 90, 0], np.uint8)
    assert wet(green, infrared).tolist() == [True, False, False]


def test_chips_of_the_eastern_half_know_their_share_of_water(tmp_path):
    bands = np.full((4, 90, 90), 100, np.uint8)
    bands[3, 45:] = 10
    profile = {"driver": "GTiff", "count": 4, "height": 90, "width": 90, "dtype": "uint8"}
    with rasterio.open(
        tmp_path / "a.tif", "w", **profile, crs="EPSG:26914", transform=from_origin(0, 0, 224 / 45, 224 / 45)
    ) as file:
        file.write(bands)
    images, water = read_chips(tmp_path / "a.tif", 32)
    assert images.shape == (2, 32, 32, 3)
    assert water.tolist() == [0, 1]
