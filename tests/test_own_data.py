"""Other installations' tables of PROJ and GDAL do not reach us, or a message names the variable."""

import os
import subprocess
import sys

import pytest
from affine import Affine

from landuse.crs import parse_crs
from landuse.environment import foreign_data, keep_to_own_data
from landuse.errors import UsageError
from tests.mosaic.rasters import Raster, at, noise


def test_variables_of_other_installations_are_forgotten():
    environ = {"PROJ_LIB": "/usr/share/proj", "PROJ_DATA": "/old", "GDAL_DATA": "/usr/share/gdal", "HOME": "/home/me"}
    keep_to_own_data(environ)
    assert environ == {"HOME": "/home/me"}


def test_tables_of_an_installation_without_its_own_are_kept(monkeypatch):
    monkeypatch.setattr("landuse.environment.find_spec", lambda name: None)
    environ = {"PROJ_DATA": "/opt/conda/share/proj"}
    keep_to_own_data(environ)
    assert environ == {"PROJ_DATA": "/opt/conda/share/proj"}


def test_a_message_names_them(monkeypatch):
    monkeypatch.delenv("PROJ_DATA", raising=False)
    assert foreign_data({}) == ""
    monkeypatch.setenv("PROJ_LIB", "/usr/share/proj")
    with pytest.raises(UsageError, match="PROJ_LIB=/usr/share/proj may lead"):
        parse_crs("EPSG:0")


def test_the_command_line_finds_places_whatever_the_shell_says(tmp_path):
    Raster(noise(64, 64), Affine(1, 0, -8350000, 0, -1, 5100000), crs="EPSG:3857").write(tmp_path / "m.tif")
    command = [
        sys.executable,
        "-m",
        "landuse",
        "tile",
        "m.tif",
        "--chip-size",
        "32",
        "--chip-pixels",
        "32",
        "--out",
        "o",
    ]
    environ = os.environ | {"PROJ_LIB": "/nonexistent", "GDAL_DATA": "/nonexistent"}
    ran = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "UTM zone 18N" in ran.stdout


def test_pixel_centres_stay_where_they_are(tmp_path, monkeypatch):
    """GTIFF_POINT_GEO_IGNORE would move a raster whose points are pixel centres by half a pixel."""
    from landuse.mosaic import open_survey

    path = Raster(noise(8, 8), at(0, 0), profile={"tiled": False}).write(tmp_path / "a.tif")
    import rasterio

    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(AREA_OR_POINT="Point")
    plain = open_survey([path]).sources[0].geotransform
    monkeypatch.setenv("GTIFF_POINT_GEO_IGNORE", "TRUE")
    assert open_survey([path]).sources[0].geotransform == plain
