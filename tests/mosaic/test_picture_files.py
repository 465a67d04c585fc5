"""Image files from strangers."""

import numpy as np
import pytest
from PIL import Image
from rasterio.errors import RasterioError

from landuse.errors import DamagedSourceError
from landuse.mosaic.picture import read_image

RNG = np.random.default_rng(0)


def save(path, array, **how):
    Image.fromarray(array).save(path, **how)
    return path


def test_kinds_of_images_become_three_bands(tmp_path):
    grey = RNG.integers(0, 256, (32, 32), dtype=np.uint8)
    colour = np.stack([grey, grey // 2, 255 - grey], axis=-1)
    alpha = np.concatenate([colour, grey[..., None]], axis=-1)
    assert np.array_equal(read_image(save(tmp_path / "g.png", grey), 32), np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(read_image(save(tmp_path / "c.png", colour), 32), colour)
    assert np.array_equal(read_image(save(tmp_path / "a.png", alpha), 32), colour)
    assert read_image(save(tmp_path / "c.jpg", colour), 20).shape == (20, 20, 3)


def test_a_palette_gives_its_colours(tmp_path):
    image = Image.fromarray(np.full((10, 10, 3), (10, 200, 30), np.uint8)).quantize(4)
    for name in ("p.png", "p.gif"):
        image.save(tmp_path / name)
        assert np.abs(read_image(tmp_path / name, 16).astype(int) - (10, 200, 30)).max() <= 2


def test_more_than_eight_bits_are_not_cut_off(tmp_path):
    with pytest.raises(DamagedSourceError, match="uint16"):
        read_image(save(tmp_path / "a.png", np.full((8, 8), 300, np.uint16)), 8)


def test_a_file_is_read_whole_or_not_at_all(tmp_path):
    picture = RNG.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    for name in ("a.png", "a.jpg", "a.tif"):
        path = save(tmp_path / name, picture)
        path.write_bytes(path.read_bytes()[:-30_000])
        with pytest.raises((OSError, RasterioError)):
            read_image(path, 32)


def test_a_file_that_names_others_is_not_followed(tmp_path):
    save(tmp_path / "secret.png", np.zeros((8, 8, 3), np.uint8))
    vrt = (
        '<VRTDataset rasterXSize="8" rasterYSize="8"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{tmp_path / 'secret.png'}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    (tmp_path / "a.png").write_text(vrt)
    with pytest.raises((OSError, RasterioError)):
        read_image(tmp_path / "a.png", 8)


def test_an_image_of_any_claimed_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("landuse.mosaic.picture.MAX_PIXELS", 99)
    with pytest.raises(DamagedSourceError, match="10 x 10"):
        read_image(save(tmp_path / "a.png", np.zeros((10, 10, 3), np.uint8)), 8)
