"""A damaged file never becomes black pixels, and only what is read decides."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from landuse.errors import DamagedSourceError
from landuse.mosaic import MosaicReader, open_survey
from tests.mosaic.rasters import GRID, Raster, corner, noise

LAYOUTS = {
    "strips": {},
    "planes": {"interleave": "band"},
    "tiles": {"tiled": True, "blockxsize": 64, "blockysize": 64},
    "deflate": {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"},
    "jpeg": {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "jpeg", "photometric": "ycbcr"},
}


def check(path, keep):
    """Cut a raster short; every cell must come whole or raise, and some of each kind there must be."""
    whole = {}
    cells = corner(8, 8)
    with MosaicReader(open_survey([path]), GRID) as reader:
        whole = {cell: reader.read(cell) for cell in cells}
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    messages = []
    with MosaicReader(open_survey([path]), GRID) as reader:
        for cell in cells:
            try:
                pixels = reader.read(cell)
            except DamagedSourceError as error:
                messages.append(str(error))
                continue
            np.testing.assert_array_equal(pixels.data, whole[cell].data)
            np.testing.assert_array_equal(pixels.valid, whole[cell].valid)
    assert all(path.name in message and "rows" in message for message in messages)
    return len(messages), cells.size


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_truncated_geotiff(tmp_path, layout):
    path = Raster(noise(256, 256), profile=LAYOUTS[layout]).write(tmp_path / "a.tif")
    failed, count = check(path, 0.8)
    assert 0 < failed <= count - (layout != "planes")


@pytest.mark.parametrize(("driver", "name"), [("JPEG", "a.jpg"), ("PNG", "a.png")])
def test_a_truncated_picture(tmp_path, driver, name):
    whole = Raster(noise(256, 256)).write(tmp_path / "whole.tif")
    with rasterio.open(whole) as dataset:
        rasterio.shutil.copy(dataset, tmp_path / name, driver=driver, WORLDFILE="YES")
    failed, _ = check(tmp_path / name, 0.7)
    assert failed > 0


def test_a_truncated_source_that_is_resampled(tmp_path):
    transform = rasterio.Affine(0.7, 0, 448000, 0, -0.7, 4480000)
    path = Raster(noise(360, 360), transform).write(tmp_path / "a.tif")
    failed, count = check(path, 0.7)
    assert 0 < failed < count


def test_the_reader_goes_on_after_damage(tmp_path):
    path = Raster(noise(64, 64), profile={"blockysize": 16}).write(tmp_path / "a.tif")
    survey = open_survey([path])
    path.write_bytes(path.read_bytes()[:-2000])
    with MosaicReader(survey, GRID) as reader:
        for _ in range(3):
            with pytest.raises(DamagedSourceError, match=r"a\.tif is damaged: columns 0 to 63"):
                reader.read(corner(2, 2))
            assert reader.read(corner(1, 2)).valid.all()
