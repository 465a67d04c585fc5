"""What one raster file says of itself, read and judged without its pixels."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError

from landuse.crs import unwrapped
from landuse.environment import foreign_data
from landuse.errors import DamagedSourceError, LanduseError, MissingCRSError, NotARasterError, SourceNotFoundError
from landuse.mosaic.gdal import open_raster
from landuse.mosaic.source import BandAddress, Source

DTYPES = frozenset({"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"})

CLOSED = "only other programs read MrSID and ECW: make a GeoTIFF of it there, or get the imagery as GeoTIFF"
SHAPES = "it holds shapes: if these index rasters, give the rasters"
HINTS = {".sid": CLOSED, ".ecw": CLOSED, ".shp": SHAPES, ".gpkg": SHAPES, ".geojson": SHAPES}
"""What to do with a file that is no raster to us, by its ending."""


@dataclass(frozen=True)
class Header:
    """What one file says of itself.

    Attributes:
        source: with every band of the file, not yet the asked ones; a palette counts as the three bands of its colours.
        drawing: whether a pixel is one bit: a mask or a drawing, no imagery.
    """

    path: str
    source: Source
    colours: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    drawing: bool = False

    @property
    def count(self) -> int:
        """Number of bands."""
        return len(self.source.bands)

    @property
    def place(self) -> tuple[object, ...]:
        """CRS, transform and shape: equal for files that are bands of one scene."""
        source = self.source
        return source.wkt, tuple(round(value, 9) for value in source.geotransform), source.width, source.height


def read_header(path: str) -> Header:
    """Header of one file, checked: it opens, it holds real numbers, and it lies somewhere on Earth.

    Raises `SourceNotFoundError`, `NotARasterError` or `MissingCRSError`.
    """
    try:
        with open_raster(path) as dataset:
            return _header(path, dataset)
    except RasterioError as error:
        raise _cannot_open(path, error) from error


def _cannot_open(path: str, error: RasterioError) -> LanduseError:
    reason = " ".join(str(error).split()).rstrip(".")
    if path.startswith("/vsi") and any(
        sign in reason for sign in ("No such file", "does not exist", "404", "not recognized")
    ):
        return SourceNotFoundError(f"{path} cannot be read: there is no raster at this address ({reason}).")
    if not path.startswith("/vsi") and Path(path).is_file() and Path(path).stat().st_size == 0:
        return NotARasterError(f"{path} is an empty file, not a raster; copy or download it again.")
    hint = HINTS.get(
        PurePosixPath(path).suffix.lower(), "it may be of another kind, or incomplete: check it with gdalinfo"
    )
    return NotARasterError(f"{path} cannot be opened as a raster ({reason}); {hint}.")


def _header(path: str, dataset: Any) -> Header:  # noqa: ANN401
    if dataset.count == 0:
        raise NotARasterError(f"{path} is a container without a raster of its own; name one of its subdatasets.")
    dtype = str(np.result_type(*dataset.dtypes)) if not any("complex" in d for d in dataset.dtypes) else "complex"
    if dtype not in DTYPES:
        raise NotARasterError(f"{path} holds {dtype} values, which are no imagery; convert it with gdal_translate -ot.")
    _check_size(path, dataset)
    colours = tuple(kind.name.lower() for kind in dataset.colorinterp)
    _check_colours(path, colours)
    alpha = colours.index("alpha") + 1 if "alpha" in colours else None
    flags = dataset.mask_flag_enums[0]
    wkt, transform = unwrapped(_place(path, dataset), dataset.transform, dataset.shape)
    structure = dataset.tags(ns="IMAGE_STRUCTURE")
    source = Source(
        name=PurePosixPath(path).name,
        bands=tuple(BandAddress(path, number) for number in dataset.indexes),
        wkt=wkt,
        geotransform=tuple(transform)[:6],
        width=dataset.width,
        height=dataset.height,
        dtype=dtype,
        nodata=tuple(_representable(value, dtype) for value in dataset.nodatavals),
        alpha=None if alpha is None else BandAddress(path, alpha),
        masked=MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags,
        overviews=tuple(sorted(dataset.overviews(1))),
        lossy=_lossy(structure),
        date=_date(dataset.tags()),
    )
    drawing = dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS") == "1"
    if colours[0] == "palette":
        return Header(path, _expanded(source), ("red", "green", "blue"), drawing=drawing)
    return Header(path, source, colours, tuple(name or "" for name in dataset.descriptions), drawing)


def _expanded(source: Source) -> Source:
    first = source.bands[0]
    bands = tuple(replace(first, part=part) for part in range(3))
    return replace(source, bands=bands, dtype="uint8", nodata=source.nodata[:1] * 3, alpha=None)


def _check_colours(path: str, colours: tuple[str, ...]) -> None:
    """Raise `NotARasterError` for bands that are no light: inks, or brightness apart from hue."""
    if set(colours) & {"cyan", "magenta", "yellow", "black"}:
        raise NotARasterError(
            f"{path} holds the inks of print (CMYK), not light; export it again as RGB, or make three bands of it "
            "with gdal_calc.py, each (255 - ink) * (255 - black) / 255."
        )
    if set(colours) & {"hue", "saturation", "lightness", "y", "cb", "cr"}:
        raise NotARasterError(
            f"{path} holds {', '.join(colours)}, not red, green and blue; export it again as RGB (gdal_translate -co "
            "PHOTOMETRIC=RGB does so for JPEG)."
        )


def _lossy(structure: Mapping[str, str]) -> bool:
    method = structure.get("COMPRESSION", "").upper()
    return (
        "JPEG" in method
        or method in ("WEBP", "JXL", "ECW")
        or "LOSSY" in structure.get("COMPRESSION_REVERSIBILITY", "")
    )


def _date(tags: Mapping[str, str]) -> str:
    """The date that a file's tags give, as 2020-07-31; empty where they give none."""
    for name in ("ACQUISITIONDATETIME", "ACQUISITION_DATE", "TIFFTAG_DATETIME"):
        found = re.match(r"((?:19|20)\d\d)[:-]?(\d\d)[:-]?(\d\d)", tags.get(name, ""))
        if found:
            return "-".join(found.groups())
    return ""


def _check_size(path: str, dataset: Any) -> None:  # noqa: ANN401
    """Refuse an ENVI file that is shorter than its header says: GDAL would read what is missing as zeros."""
    if dataset.driver != "ENVI" or not Path(path).is_file():
        return
    wanted = dataset.width * dataset.height * sum(np.dtype(dtype).itemsize for dtype in dataset.dtypes)
    if Path(path).stat().st_size < wanted:
        raise DamagedSourceError(f"{path} is shorter than its header says; copy or download the file again.")


def _representable(value: float | None, dtype: str) -> float | None:
    """A declared nodata value; None where no pixel of `dtype` can hold it (-9999 in uint8), and for NaN, empty anyway."""
    if value is None:
        return None
    kind = np.dtype(dtype)
    if not math.isfinite(value):
        return None
    if kind.kind == "f":
        return float(kind.type(value))
    limits = np.iinfo(kind)
    return float(value) if limits.min <= value <= limits.max and value == int(value) else None


def _place(path: str, dataset: Any) -> str:  # noqa: ANN401
    """WKT 2 of the horizontal CRS of a dataset. Raises `MissingCRSError` where the raster has no usable place on Earth."""
    if dataset.crs is None and dataset.gcps[0]:
        raise MissingCRSError(
            f"{path} is placed by ground control points only; rectify it first: gdalwarp -t_srs EPSG:n {path} rectified.tif"
        )
    if dataset.crs is None:
        raise MissingCRSError(
            f"{path} does not say which CRS it is in; declare it: gdal_edit.py -a_srs EPSG:n {path} "
            "(or gdal_translate -a_srs EPSG:n for a copy)."
        )
    transform = dataset.transform
    if transform.is_identity or transform.determinant == 0 or not all(map(math.isfinite, tuple(transform))):
        raise MissingCRSError(
            f"{path} names a CRS but not its place in it (no origin and pixel size); "
            "declare them: gdal_translate -a_ullr WEST NORTH EAST SOUTH."
        )
    return _horizontal(path, dataset.crs.to_wkt())


def _horizontal(path: str, wkt: str) -> str:
    """WKT 2 of the horizontal part of a CRS. Raises `MissingCRSError` where it is none of a place on Earth."""
    try:
        horizontal, on_earth, name = _sub_crs(wkt)
    except CRSError as error:
        raise MissingCRSError(
            f"{path} has a CRS that cannot be understood; declare it: gdal_edit.py -a_srs EPSG:n.{foreign_data()}"
        ) from error
    if not on_earth:
        raise MissingCRSError(
            f"{path} lies in {name}, which is no place on Earth; declare its CRS: gdal_edit.py -a_srs.{foreign_data()}"
        )
    return horizontal


@lru_cache(maxsize=64)
def _sub_crs(wkt: str) -> tuple[str, bool, str]:
    """WKT 2 of the horizontal part of a CRS, whether it lies on Earth, and its name; the files of a survey share theirs."""
    crs = CRS.from_wkt(wkt)
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    return crs.to_wkt(), not crs.is_engineering and crs.geodetic_crs is not None, str(crs.name)
