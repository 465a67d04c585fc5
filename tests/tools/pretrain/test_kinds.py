import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from landuse.legend import load_legend
from tools.pretrain.images import ImageSet
from tools.pretrain.kinds import balanced, image_views, lake_views
from tools.pretrain.origin import with_far
from tools.pretrain.water import Lakes, draw_lakes, in_east, wet

LEGEND = load_legend("landuse7")


@pytest.fixture(scope="module")
def source():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    images = rng.integers(0, 60, (60, 64, 64, 3)) + 60 * labels[:, None, None, None]
    held = np.arange(60) % 20 >= 16
    return ImageSet(images.astype(np.uint8), labels, held, ("a", "b", "c"), ("x",) * 60)


@pytest.mark.parametrize(("kind", "count"), [("plain", 32), ("spoilt", 32), ("coarse", 32), ("far", 16)])
def test_views_of_each_kind_keep_to_the_rows_and_their_classes(source, kind, count):
    rows = np.flatnonzero(~source.held_out & (source.labels < 2))
    part = image_views(source, rows, np.array([4, 2, -1, -1]), kind, np.random.default_rng(0))
    assert len(part.images) == len(part.labels) == len(part.weight) == count
    assert part.images.dtype == np.uint8
    assert set(part.rows) <= set(rows)
    assert (part.labels == np.array([4, 2])[source.labels[part.rows]]).all()
    assert part.weight.sum() == pytest.approx(1)


def test_weights_lie_between_alike_by_row_and_alike_by_class():
    labels = np.array([0] * 9 + [1])
    assert np.allclose(balanced(labels, 0), 0.1)
    assert balanced(labels, 1)[9] == pytest.approx(0.5)
    assert balanced(labels)[9] == pytest.approx(1 / 4)


def test_windows_of_lakes_are_water_land_or_left_out():
    water = np.array([0.9, 0.5, 0.2, *[0.0] * 200], np.float32)
    images = np.zeros((len(water), 32, 32, 3), np.uint8)
    part = lake_views(Lakes(images, water), LEGEND, np.random.default_rng(0))
    counts = dict(zip(*np.unique(part.labels, return_counts=True), strict=True))
    assert counts[LEGEND.names.index("Water")] == 1
    cultivated, herbaceous = (counts[LEGEND.names.index(name)] for name in ("Cultivated", "Herbaceous"))
    assert cultivated + herbaceous == 200
    assert 120 < cultivated < 160


def test_only_the_western_half_of_a_raster_teaches(tmp_path):
    bands = np.full((4, 80, 160), 50, np.uint8)
    bands[3, :, 80:] = 5  # the eastern half is water
    with rasterio.open(
        tmp_path / "a.tif", "w", "GTiff", 160, 80, 4, "EPSG:32614", from_origin(0, 0, 5, 5), "uint8"
    ) as file:
        file.write(bands)
    lakes = draw_lakes(tmp_path, 0)
    assert lakes.images.shape[1:] == (224, 224, 3)
    assert lakes.water.max() == 0
    assert list(wet(np.array([50, 50]), np.array([5, 50]))) == [True, False]
    assert list(in_east((2, 4))) == [False, False, True, True] * 2


def test_the_far_branch_starts_as_a_copy():
    from landuse.models.architectures import find_architecture
    from landuse.models.keras_networks import initial_weights
    from landuse.models.own_networks import FAR, MOBILE

    weights = initial_weights(find_architecture("builtin"))
    near = {name: array for name, array in weights.items() if not name.startswith(FAR)}
    whole = with_far(near)
    assert {name: array.shape for name, array in whole.items()} == {n: a.shape for n, a in weights.items()}
    assert (whole[f"{FAR}conv11_pointwise/kernel"] == near[f"{MOBILE}conv11_pointwise/kernel"]).all()
    assert f"{FAR}conv12_pointwise/kernel" not in whole
