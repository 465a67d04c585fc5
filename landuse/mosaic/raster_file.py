"""Opening one raster file that somebody else made, with GDAL's drivers that read it and not what it names elsewhere."""

from __future__ import annotations

from functools import cache
from typing import Any

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from landuse.mosaic.vrt import check_vrt, is_vrt

ELSEWHERE = frozenset(
    {
        "VRT", "WMS", "WMTS", "WCS", "HTTP", "OGCAPI", "STACIT", "STACTA", "DAAS", "EEDA", "EEDAI", "PLMOSAIC", "GTI", "MRF",
        "KMLSUPEROVERLAY", "DERIVED",
    }
)  # fmt: skip
"""Drivers of descriptions: small files, known by content and not by name, that say where imagery is to be had."""


def open_raster(path: str, **options: Any) -> Any:  # noqa: ANN401
    """Open a raster for reading: an rasterio dataset. A VRT is looked through first.

    Args:
        path: as GDAL knows it.
        options: GDAL's open options.

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
    with rasterio.Env() as env:
        return sorted(set(env.drivers()) - ELSEWHERE)
