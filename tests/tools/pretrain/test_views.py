from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from landuse.errors import SourceNotFoundError
from landuse.legend import load_legend
from tools.pretrain.batches import Drawer
from tools.pretrain.images import read_images
from tools.pretrain.landuse_head import crosswalk
from tools.pretrain.scenes import scenery_of
from tools.pretrain.views import PX, blur, crop, jpeg, mosaic, spoil, turn

NAMES = ("agricultural", "beach", "forest", "harbor", "river")


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for name in NAMES:
        (tmp_path / "classes" / name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "classes" / name / f"{name}{i:02d}.png")
    (tmp_path / "aerial").mkdir()
    Image.fromarray(np.zeros((256, 256, 3), np.uint8)).save(tmp_path / "aerial" / "a.jpg")
    return tmp_path


@pytest.fixture
def source(folders):
    return read_images(folders / "classes", folders / "aerial")


def test_the_last_fifth_of_every_class_is_held_out(source):
    assert source.names == NAMES
    assert source.images.shape == (51, 256, 256, 3)
    assert source.held_out.sum() == 10
    assert [int(source.held_out[source.labels == k].sum()) for k in range(5)] == [2] * 5
    assert list(np.flatnonzero(source.held_out[:10])) == [8, 9]
    assert source.labels[-1] == -1
    assert not source.held_out[-1]
    assert set(source.of_class(1)) == set(range(10, 18))


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(SourceNotFoundError, match="class folders"):
        read_images(tmp_path, None)


def drawer_of(source):
    features = np.arange(len(source.images), dtype=np.float32)[:, None] * np.ones((1, 6), np.float32)
    return Drawer(source, features, pairs=2, labelled=4)


def test_batches_show_only_what_may_be_learnt_from(source):
    source.images[:] = 0
    source.images[source.held_out] = 255
    for seed in range(15):
        rng = np.random.default_rng(seed)
        batch = replace(drawer_of(source), source=source).draw(64, rng)
        assert batch.images.shape == (8, 64, 64, 3)
        assert batch.images.dtype == np.uint8
        assert np.allclose(batch.shares.sum(axis=1), [0, 0, 0, 0, 1, 1, 1, 1])
        assert batch.images.mean() < 128  # haze and noise lighten black, but nothing is as white as what is held out


def test_batches_are_seeded_and_pairs_want_the_same(source):
    first, again = (drawer_of(source).draw(64, np.random.default_rng(5)) for _ in range(2))
    assert (first.images == again.images).all()
    assert (first.wanted[:2] == first.wanted[2:4]).all()


def test_what_a_mosaic_should_look_like_is_the_mean_of_its_images(source):
    batch = drawer_of(source).draw(64, np.random.default_rng(0))
    known = batch.shares.max(axis=1) > 0
    assert (batch.wanted[known] < 50).all()  # labelled images come first, and features are their indices
    assert (batch.wanted[~known] >= 50).all()


def test_dates_of_one_place_are_one_place(tmp_path):
    (tmp_path / "classes" / "forest").mkdir(parents=True)
    (tmp_path / "aerial").mkdir()
    grey = Image.fromarray(np.full((256, 256, 3), 90, np.uint8))
    grey.save(tmp_path / "classes" / "forest" / "a.png")
    for name in ("long_town_2016_3", "long_town_2020_3", "long_town_2020_4", "loose"):
        grey.save(tmp_path / "aerial" / f"{name}.png")
    source = read_images(tmp_path / "classes", tmp_path / "aerial")
    assert source.places == ("a", "long_town_3", "long_town_3", "long_town_4", "loose")
    assert [list(rows) for rows in source.of_places()] == [[1, 2], [3], [4]]
    assert [list(rows) for rows in source.without(cities=["long_town"]).of_places()] == [[4]]
    assert source.without(classes=["forest"]).held_out[0]


@pytest.mark.parametrize("px", [33, 96, 224])
def test_views_have_the_size_asked_for(px):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in range(25)]
    views = [
        crop(images[0], px, rng),
        *(mosaic(images[: k * k], px, rng) for k in (2, 3, 4, 5)),
    ]
    assert {view.shape for view in views} == {(px, px, 3)}
    assert {spoil(view, rng).shape for view in views} == {(px, px, 3)}


def test_a_coarser_pixel_loses_detail_and_keeps_the_mean():
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    spreads = [blur(image, factor).std() for factor in (1, 2, 4, 8)]
    assert spreads == sorted(spreads, reverse=True)
    assert abs(blur(image, 8).mean() - image.mean()) < 2
    assert jpeg(image, 20).shape == image.shape


def test_the_eight_ways_to_lay_an_image_down_differ():
    image = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    assert len({turn(image, way).tobytes() for way in range(8)}) == 8


def test_scenes_of_every_class_and_none_of_held_out_images(source):
    legend = load_legend("landuse7")
    index = {name: i for i, name in enumerate(legend.names)}
    codes = crosswalk(source.names, legend)
    assert codes == [index["Cultivated"], index["Barren"], index["Forest"], -1, index["Water"]]
    scenery = scenery_of(source, ~source.held_out, codes, index)
    assert [len(pool) for pool in scenery.pools] == [8 if i in codes else 0 for i in range(7)]
    for label in {c for c in codes if c >= 0}:
        views = [scenery.render(label, np.random.default_rng(seed)) for seed in range(20)]
        assert {v.shape for v in views} == {(PX, PX, 3)}
        assert {v.dtype for v in views} == {np.dtype(np.uint8)}
