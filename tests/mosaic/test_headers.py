import json
import pickle
import zipfile

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from pyproj import CRS
from rasterio.control import GroundControlPoint

from landuse.errors import (
    BandsError,
    DamagedSourceError,
    MissingCRSError,
    NotARasterError,
    SourceNotFoundError,
    UsageError,
)
from landuse.grid import Bounds
from landuse.mosaic import MosaicReader, Survey, open_survey
from tests.mosaic.rasters import GRID, NORTH, UTM17, WEST, Raster, at, corner, elsewhere, noise


def test_a_survey_says_what_its_files_declare(tmp_path):
    path = Raster(noise(40, 50, 4), at(3, 4), nodata=255, overviews=(2, 4)).write(tmp_path / "a.tif")
    survey = open_survey([path])
    (source,) = survey.sources
    assert (source.name, source.width, source.height, source.dtype) == ("a.tif", 50, 40, "uint8")
    assert source.nodata == (255.0, 255.0, 255.0)
    assert source.overviews == (2, 4)
    assert [(band.path, band.band) for band in source.bands] == [(str(path), 1), (str(path), 2), (str(path), 3)]
    assert source.crs.equals(CRS.from_user_input(UTM17))
    assert survey.bounds_in(GRID.crs) == Bounds(WEST + 3, NORTH - 44, WEST + 53, NORTH - 4)
    assert survey.stretch is None
    assert source.has_mask


def test_a_survey_survives_json_and_pickle(tmp_path):
    Raster(noise(9, 9, 4), alpha=True).write(tmp_path / "a.tif")
    Raster(noise(9, 9).astype(np.float32), nodata=float("nan")).write(tmp_path / "b.tif")
    survey = open_survey([tmp_path], stretch=(0, 100))
    again = Survey.from_dict(json.loads(json.dumps(survey.as_dict(), allow_nan=False)))
    assert again == survey
    assert pickle.loads(pickle.dumps(survey)) == survey  # noqa: S301


def test_names_are_short_and_unique(tmp_path):
    for folder in ("2010/north", "2016/north"):
        (tmp_path / folder).mkdir(parents=True)
        Raster(noise(4, 4)).write(tmp_path / folder / "a.tif")
    Raster(noise(4, 4)).write(tmp_path / "b.tif")
    survey = open_survey([f"{tmp_path}/**/*.tif"])
    assert [source.name for source in survey.sources] == ["2010/north/a.tif", "2016/north/a.tif", "b.tif"]


def test_single_band_files_of_one_grid_are_one_scene(tmp_path):
    values = noise(32, 64, 4)
    for scene in range(2):
        for band in range(4):
            one = values[band : band + 1, :, scene * 32 : scene * 32 + 32]
            Raster(one, at(32 * scene, 0), nodata=255).write(tmp_path / f"s{scene}-b{band + 1}.tif")
    survey = open_survey([tmp_path], bands=(4, 1, 2))
    assert [source.name for source in survey.sources] == ["s0-b1.tif+3", "s1-b1.tif+3"]
    with MosaicReader(survey, GRID, max_open=2) as reader:
        pixels = reader.read(corner(1, 2))
        assert reader.open_files <= 2
    np.testing.assert_array_equal(pixels.data, values[[3, 0, 1]].transpose(1, 2, 0))


def test_one_band_of_single_band_files_is_no_scene(tmp_path):
    for name in "ab":
        Raster(noise(8, 8, 1)).write(tmp_path / f"{name}.tif")
    assert len(open_survey([tmp_path], bands=(1,)).sources) == 2


def test_too_few_bands_says_how_many_there_are(tmp_path):
    path = Raster(noise(8, 8, 2)).write(tmp_path / "two.tif")
    with pytest.raises(BandsError, match=r"two\.tif has 2 bands, but band 3 .*--bands 1,2,2"):
        open_survey([path])
    assert len(open_survey([path], bands=(2, 1, 1)).sources) == 1


def test_too_few_single_band_files_says_so(tmp_path):
    for name in "ab":
        Raster(noise(8, 8, 1)).write(tmp_path / f"{name}.tif")
    with pytest.raises(BandsError, match=r"a\.tif and 1 more .*one band each, so there is no band 3"):
        open_survey([tmp_path])


@pytest.mark.parametrize("bands", [(), (0, 1), (-1,)])
def test_band_numbers_start_at_one(tmp_path, bands):
    with pytest.raises(BandsError, match="start at 1"):
        open_survey([tmp_path], bands=bands)


@pytest.mark.parametrize("stretch", [(5, 5), (9, 1), (0, float("inf"))])
def test_a_stretch_runs_upwards(tmp_path, stretch):
    with pytest.raises(UsageError, match="stretch"):
        open_survey([tmp_path], stretch=stretch)


def test_an_alpha_band_asked_for_is_imagery(tmp_path):
    values = noise(8, 8, 4)
    values[3] = 255
    path = Raster(values, alpha=True).write(tmp_path / "a.tif")
    assert open_survey([path]).sources[0].alpha.band == 4
    assert open_survey([path], bands=(4, 1, 2)).sources[0].alpha is None


def test_nodata_that_no_pixel_can_hold_is_none(tmp_path):
    path = Raster(noise(8, 8)).write(tmp_path / "a.tif")
    vrt = tmp_path / "a.vrt"
    with rasterio.open(path) as dataset:
        rasterio.shutil.copy(dataset, vrt, driver="VRT")
    vrt.write_text(vrt.read_text().replace("<ColorInterp>", "<NoDataValue>-9999</NoDataValue><ColorInterp>"))
    assert open_survey([vrt]).sources[0].nodata == (None, None, None)


def test_no_crs(tmp_path):
    path = Raster(noise(8, 8), crs=None).write(tmp_path / "a.tif")
    with pytest.raises(MissingCRSError, match=r"a\.tif does not say which CRS"):
        open_survey([path])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_crs_without_a_place(tmp_path):
    path = Raster(noise(8, 8), Affine.identity()).write(tmp_path / "a.tif")
    with pytest.raises(MissingCRSError, match="no origin"):
        open_survey([path])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_ground_control_points_only(tmp_path):
    points = [GroundControlPoint(r, c, WEST + c, NORTH - r) for r, c in ((0, 0), (0, 8), (8, 0), (8, 8))]
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=8, height=8, count=3, dtype="uint8") as dataset:
        dataset.gcps = points, rasterio.crs.CRS.from_string(UTM17)
    with pytest.raises(MissingCRSError, match="gdalwarp"):
        open_survey([tmp_path / "a.tif"])


def test_what_is_no_raster(tmp_path):
    (tmp_path / "a.tif").write_text("not a raster")
    (tmp_path / "b.tif").touch()
    with pytest.raises(NotARasterError, match=r"a\.tif cannot be opened"):
        open_survey([tmp_path / "a.tif"])
    with pytest.raises(NotARasterError, match=r"b\.tif is an empty file"):
        open_survey([tmp_path / "b.tif"])
    with pytest.raises(SourceNotFoundError, match="no raster at this address"):
        open_survey(["/vsimem/never.tif"])


def test_complex_numbers_are_no_imagery(tmp_path):
    path = Raster(noise(8, 8).astype(np.complex64)).write(tmp_path / "radar.tif")
    with pytest.raises(NotARasterError, match="complex"):
        open_survey([path])


def test_a_raw_file_shorter_than_its_header(tmp_path):
    path = Raster(noise(64, 64), profile={"driver": "ENVI"}).write(tmp_path / "a.dat")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedSourceError, match="shorter"):
        open_survey([path])


def test_inside_an_archive(tmp_path):
    path = Raster(noise(32, 32)).write(tmp_path / "a.tif")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "deep/a.tif")
    with MosaicReader(open_survey([tmp_path / "a.zip"]), GRID) as reader:
        np.testing.assert_array_equal(reader.read(corner(1, 1)).data, noise(32, 32).transpose(1, 2, 0))


def test_sidecars_are_found(tmp_path):
    mask = np.full((32, 32), 255, np.uint8)
    mask[:5] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        path = Raster(noise(32, 32), mask=mask).write(tmp_path / "a.tif")
    assert (tmp_path / "a.tif.msk").exists()
    survey = open_survey([path])
    assert survey.sources[0].masked
    with MosaicReader(survey, GRID) as reader:
        np.testing.assert_array_equal(reader.read(corner(1, 1)).valid, mask > 0)


def test_footprints_follow_the_curve_of_another_crs(tmp_path):
    x, y = elsewhere("EPSG:4326")
    path = Raster(noise(10, 10), Affine(0.1, 0, x, 0, -0.1, y), crs="EPSG:4326").write(tmp_path / "a.tif")
    (polygon,) = open_survey([path]).footprints(GRID.crs)
    assert polygon.is_valid
    assert len(polygon.exterior.coords) > 40
    assert abs(polygon.bounds[3] - NORTH) < 1000


def test_a_crs_that_cannot_hold_the_source(tmp_path):
    path = Raster(noise(18, 36), Affine(10, 0, -180, 0, -10, 90), crs="EPSG:4326").write(tmp_path / "world.tif")
    with pytest.raises(UsageError, match=r"world\.tif reaches beyond"):
        open_survey([path]).footprints(GRID.crs)


def test_a_vertical_datum_beside_the_horizontal_one_is_left_aside(tmp_path):
    path = Raster(noise(8, 8), crs="EPSG:26917+5703").write(tmp_path / "a.tif")
    assert open_survey([path]).crs.equals(CRS.from_user_input(UTM17))


def test_gdal_is_left_as_it_was(tmp_path):
    path = Raster(noise(8, 8)).write(tmp_path / "a.tif")
    names = ("GDAL_CACHEMAX", "GDAL_NUM_THREADS", "GDAL_DISABLE_READDIR_ON_OPEN")
    before = [rasterio.env.get_gdal_config(name) for name in names]
    with MosaicReader(open_survey([path]), GRID) as reader:
        reader.read(corner(1, 1))
    assert [rasterio.env.get_gdal_config(name) for name in names] == before


@pytest.mark.parametrize(("name", "hint"), [("a.SID", "make a GeoTIFF of it there"), ("index.shp", "give the rasters")])
def test_what_is_no_raster_to_us_comes_with_what_to_do(tmp_path, name, hint):
    (tmp_path / name).write_bytes(b"msid" + bytes(200))
    with pytest.raises(NotARasterError, match=hint):
        open_survey([tmp_path / name])
