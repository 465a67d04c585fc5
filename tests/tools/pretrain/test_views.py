import numpy as np
import pytest

from tools.pretrain.views import blur, crop, jpeg, mosaic, relit, spoil, turn


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


def test_another_light_keeps_the_order_of_a_bands_values():
    image = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    lit = [relit(image, np.random.default_rng(seed)) for seed in range(3)]
    assert all((np.diff(view.reshape(-1, 3).astype(int), axis=0) >= 0).all() for view in lit)
    assert len({view.tobytes() for view in lit}) == 3
    assert all(len({view[..., band].tobytes() for band in range(3)}) == 3 for view in lit)
