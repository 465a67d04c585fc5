import numpy as np
import pytest
from PIL import Image

from landuse.errors import SourceNotFoundError
from landuse.legend import load_legend
from landuse.models.pretrain.images import ImageSet, read_images
from landuse.models.pretrain.landuse_head import calibration_error, crosswalk
from landuse.models.pretrain.scenes import scenery_of
from landuse.models.pretrain.views import PX, render_view, turn

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


def test_views_show_only_what_may_be_learnt_from(source):
    marked = ImageSet(np.zeros_like(source.images), source.labels, source.held_out, source.names)
    marked.images[source.held_out] = 255
    for seed in range(60):
        view = render_view(marked, np.random.default_rng(seed))
        assert view.image.shape == (PX, PX, 3)
        assert view.image.max() == 0
        assert view.shares.sum() == pytest.approx(1) or view.shares.sum() == 0


def test_views_are_seeded(source):
    first, again = (render_view(source, np.random.default_rng(5)).image for _ in range(2))
    assert (first == again).all()


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


def test_calibration_error_of_known_cases():
    right = np.array([True, False] * 500)
    assert calibration_error(np.full(1000, 0.5, np.float32), right) == pytest.approx(0, abs=1e-6)
    assert calibration_error(np.full(1000, 0.9, np.float32), right) == pytest.approx(0.4, abs=1e-3)
