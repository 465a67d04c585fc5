"""What a VRT may name: files of this machine, of its own archive or of its own bucket, and nothing elsewhere."""

import zipfile

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from landuse.errors import NotARasterError
from landuse.mosaic import MosaicReader, open_survey
from landuse.mosaic.vrt import check_vrt
from tests.mosaic.rasters import GRID, Raster, corner, noise

FILE = '"1">a.tif'


@pytest.fixture
def mosaic(tmp_path):
    """Writes a VRT of the raster a.tif beside it, after a change of the text."""
    path = Raster(noise(32, 32)).write(tmp_path / "a.tif")
    with rasterio.open(path) as dataset:
        rasterio.shutil.copy(dataset, tmp_path / "a.vrt", driver="VRT")
    text = (tmp_path / "a.vrt").read_text()

    def write(old=FILE, new=FILE, name="a.vrt"):
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new))
        return tmp_path / name

    return write


def pixels(path):
    with MosaicReader(open_survey([path]), GRID) as reader:
        return reader.read(corner(1, 1)).data.transpose(2, 0, 1)


def test_local_files_are_named_as_one_likes(mosaic, tmp_path, monkeypatch):
    np.testing.assert_array_equal(pixels(mosaic()), noise(32, 32))
    np.testing.assert_array_equal(pixels(mosaic(new=f'"0">{tmp_path}/a.tif', name="absolute.vrt")), noise(32, 32))
    np.testing.assert_array_equal(pixels(mosaic(new='"1">absolute.vrt', name="nested.vrt")), noise(32, 32))
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(pixels(mosaic(new='"0">a.tif').name), noise(32, 32))


def test_an_archive_may_hold_a_vrt_and_what_it_names(mosaic, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.tif", "deep/a.tif")
        archive.write(mosaic(), "deep/a.vrt")
        archive.write(mosaic(new='"1">../../a.tif'), "deep/out.vrt")
    inside = f"/vsizip/{tmp_path}/a.zip/deep"
    np.testing.assert_array_equal(pixels(f"{inside}/a.vrt"), noise(32, 32))
    with pytest.raises(NotARasterError, match="only rasters in /vsizip/"):
        open_survey([f"{inside}/out.vrt"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (FILE, '"0">/vsicurl/http://127.0.0.1:9/a.tif'),
        (FILE, '"0">http://127.0.0.1:9/a.tif'),
        (FILE, '"0">vrt://a.tif?bands=1'),
        (FILE, '"1">GTIFF_DIR:1:a.tif'),
        (FILE, '"0">&lt;GDAL_WMS&gt;&lt;/GDAL_WMS&gt;'),
        (FILE, '"1">wms.tif'),
        (FILE, '"1">gone.tif'),
        (FILE, '"1">a.tif<!-- -->'),
        (FILE, '"1">bad.vrt'),
        ("<SimpleSource>", '<SimpleSource SourceFilename="a.tif">'),
        ("<SimpleSource>", "<SimpleSource><X>/vsicurl/http://127.0.0.1:9/a.tif</X>"),
        ("<VRTRasterBand ", '<VRTRasterBand subClass="VRTRawRasterBand" '),
        ("<VRTDataset", '<!DOCTYPE x [<!ENTITY y "z">]><VRTDataset'),
        ("</VRTDataset>", ""),
    ],
)
def test_what_a_vrt_may_not_name_is_one_sentence(mosaic, tmp_path, old, new):
    (tmp_path / "wms.tif").write_text("<GDAL_WMS><Service name='TMS'/></GDAL_WMS>")
    mosaic(new='"0">/vsicurl/http://127.0.0.1:9/a.tif', name="bad.vrt")
    with pytest.raises(NotARasterError, match=r"\.vrt (names|is)") as caught:
        open_survey([mosaic(old, new)])
    assert "\n" not in str(caught.value)


def test_a_description_of_imagery_elsewhere_is_no_raster(tmp_path):
    url = "<ServerUrl>http://127.0.0.1:9/${z}</ServerUrl>"
    (tmp_path / "a.tif").write_text(f"<GDAL_WMS><Service name='TMS'>{url}</Service><DataWindow/></GDAL_WMS>")
    with pytest.raises(NotARasterError, match="cannot be opened as a raster"):
        open_survey([tmp_path / "a.tif"])


def test_a_vrt_in_a_store_stays_in_its_bucket(monkeypatch):
    text, home = '<VRTDataset><SourceFilename relativeToVRT="{}">{}</SourceFilename></VRTDataset>', "/vsis3/one"
    monkeypatch.setattr("landuse.mosaic.vrt.object_bytes", lambda path, most: said.encode())
    for number, (relative, name) in enumerate([(1, "a.tif"), (1, "../b/a.tif"), (0, f"{home}/c.tif")]):
        said = text.format(relative, name)
        check_vrt(f"{home}/{number}/a.vrt")
    odd = [(1, "../../two/a.tif"), (0, "/vsis3/two/a.tif"), (0, "/vsis3/one/../two/a.tif"), (0, "/a.tif"), (1, "b.vrt")]
    for number, (relative, name) in enumerate(odd):
        said = text.format(relative, name)
        with pytest.raises(NotARasterError, match="only rasters in /vsis3/one/"):
            check_vrt(f"{home}/odd{number}/a.vrt")
