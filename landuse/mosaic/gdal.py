"""How GDAL is set while this package reads, in scoped environments only."""

from __future__ import annotations

import rasterio

CACHE_BYTES = 96 * 2**20
"""GDAL's block cache: two rows of 512 px blocks of a wide three-band raster, whatever the number of files."""


def gdal_env() -> rasterio.Env:
    """A context in which rasters are read; what was set before holds again after it.

    Directories are not listed when a file is opened (a survey has thousands of neighbours), but sidecars (.msk, .ovr, .aux.xml,
    world files) are still looked for by name. A JPEG that ends too early is an error, not a grey picture.
    """
    return rasterio.Env(
        GDAL_CACHEMAX=CACHE_BYTES,
        GDAL_NUM_THREADS="1",
        GDAL_DISABLE_READDIR_ON_OPEN="TRUE",
        GDAL_ERROR_ON_LIBJPEG_WARNING="YES",
        GDAL_VRT_ENABLE_PYTHON="NO",
        GDAL_HTTP_TIMEOUT="60",
        GDAL_HTTP_MAX_RETRY="3",
        GDAL_HTTP_MERGE_CONSECUTIVE_RANGES="YES",
    )
