"""GDAL as this package reads with it: how it is set, and opening a raster that somebody else made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import rasterio
from rasterio.env import get_gdal_config, hasenv, set_gdal_config
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.session import DummySession, Session

from landuse.mosaic.addresses import gdal_options
from landuse.mosaic.vrt import check_vrt, is_vrt

CACHE = "GDAL_CACHEMAX"
CACHE_BYTES = 96 * 2**20
"""GDAL's block cache: two rows of 512 px blocks of a wide three-band raster, whatever the number of files."""

OPTIONS = {
    "GDAL_NUM_THREADS": "1",  # a worker is one of many
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",  # no listing of thousands of neighbours; sidecars are still looked for by name
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "YES",  # a JPEG that ends too early is an error, not a grey picture
    "GTIFF_POINT_GEO_IGNORE": "NO",  # set in a user's shell, it would move the rasters of pixel centres by half a pixel
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",  # then twice as long each time; GDAL's own 30 s make one lost answer cost minutes
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
}

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
REMOTE = ("/vsicurl/", "/vsis3/", "/vsigs/", "/vsiaz/", "/vsiadls/", "/vsioss/", "/vsiswift/")


def gdal_context(**options: str | bool) -> rasterio.Env:
    """A context of rasterio with options of GDAL; the keys to object stores are those of the context around it, if any.

    Where the environment holds keys, rasterio by itself makes a session of boto3 for each context, which takes 20 ms.
    """
    if hasenv() or not all(name in os.environ for name in KEYS):
        return rasterio.Env(DummySession(), **options)
    known = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return rasterio.Env(_session(tuple(sorted(known.items()))), **options)


@lru_cache(maxsize=1)
def _session(_: tuple[tuple[str, str], ...]) -> Session:
    """The session that rasterio makes of these variables of the environment."""
    return Session.from_environ()


@contextmanager
def gdal_env() -> Iterator[None]:
    """A context in which rasters are read; what was set before holds again after it."""
    with gdal_context(**OPTIONS, **gdal_options()), block_cache(CACHE_BYTES):
        yield


@contextmanager
def without_memory() -> Iterator[None]:
    """A context in which GDAL forgets what it knows of a remote file once it is closed, also that it did not answer."""
    with gdal_context(CPL_VSIL_CURL_NON_CACHED=":".join(REMOTE)):
        yield


@contextmanager
def block_cache(size: int) -> Iterator[None]:
    """A context in which GDAL keeps at most `size` bytes of blocks, of all open files together."""
    before = get_gdal_config(CACHE)  # the one setting that rasterio.Env leaves as it was last set
    try:
        with gdal_context():
            set_gdal_config(CACHE, size)
            yield
    finally:
        set_gdal_config(CACHE, before)


ELSEWHERE = frozenset(
    {
        "VRT", "WMS", "WMTS", "WCS", "HTTP", "OGCAPI", "STACIT", "STACTA", "DAAS", "EEDA", "EEDAI", "PLMOSAIC", "GTI", "MRF",
        "KMLSUPEROVERLAY", "DERIVED",
    }
)  # fmt: skip
"""Drivers of descriptions: small files, known by content and not by name, that say where imagery is to be had."""


def open_raster(path: str, **options: Any) -> Any:  # noqa: ANN401
    """Open a raster for reading: an rasterio dataset. A VRT is looked through first.

    Raises:
        RasterioError: GDAL cannot open it.
        NotARasterError: a VRT that names what it may not.
    """
    try:
        return DatasetReader(path, driver=_drivers(), **options)  # rasterio.open takes one driver only
    except RasterioError:
        if not is_vrt(path):
            raise
    check_vrt(path)
    return DatasetReader(path, driver=["VRT"], **options)


@cache
def _drivers() -> list[str]:
    with gdal_context() as env:
        return sorted(set(env.drivers()) - ELSEWHERE)
