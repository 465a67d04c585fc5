"""Opening a survey: headers are read and judged, pixels are not (but for the percentiles of 16-bit imagery)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import rasterio
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from landuse.errors import (
    BandsError,
    DamagedSourceError,
    LanduseError,
    MissingCRSError,
    NotARasterError,
    SourceNotFoundError,
    UsageError,
)
from landuse.mosaic.addresses import expand
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.source import BandAddress, Source
from landuse.mosaic.stretch import survey_stretch
from landuse.mosaic.survey import Survey

RGB = (1, 2, 3)
DTYPES = frozenset({"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"})


@dataclass(frozen=True)
class Header:
    """What one file says of itself. `source` carries every band of the file, not yet the asked ones."""

    path: str
    source: Source

    @property
    def count(self) -> int:
        """Number of bands."""
        return len(self.source.bands)

    @property
    def place(self) -> tuple[object, ...]:
        """CRS, transform and shape: equal for files that are bands of one scene."""
        source = self.source
        return source.wkt, tuple(round(value, 9) for value in source.geotransform), source.width, source.height


def open_survey(
    addresses: Sequence[str | Path],
    *,
    bands: tuple[int, ...] = RGB,
    stretch: tuple[float, float] | None = None,
) -> Survey:
    """Read the headers of every raster that `addresses` name, in the order given (folders and globs sorted by name).

    Args:
        addresses: files, folders, globs, zip archives, GDAL /vsi addresses, s3:// and http(s):// addresses.
        bands: asked band numbers from 1. Where every raster has one band and more than one band is asked for, the rasters that
            share one grid are the bands of one scene, and the numbers count across its files in the order given.
        stretch: (low, high) values that become 0 and 255. Without it, imagery deeper than uint8 takes the 2nd and the 98th
            percentile of the whole survey.

    Raises:
        SourceNotFoundError, NotARasterError, MissingCRSError, BandsError: as their names say.
        UsageError: a band number below 1, or a stretch whose low is not below its high.
    """
    _check_request(bands, stretch)
    with gdal_env():
        headers = [read_header(path) for path in expand(addresses)]
        sources = _named(_sources(headers, bands))
        survey = Survey(sources, tuple(bands), None if stretch is None else (float(stretch[0]), float(stretch[1])))
        if stretch is None and any(source.dtype != "uint8" for source in sources):
            survey = replace(survey, stretch=survey_stretch(survey))
    return survey


def _check_request(bands: tuple[int, ...], stretch: tuple[float, float] | None) -> None:
    if not bands or min(bands) < 1:
        raise BandsError(f"Band numbers start at 1, so --bands {_listed(bands)} cannot be right.")
    if stretch is not None and not (
        math.isfinite(stretch[0]) and math.isfinite(stretch[1]) and stretch[0] < stretch[1]
    ):
        raise UsageError(f"A stretch runs from a low to a higher value, not from {stretch[0]:g} to {stretch[1]:g}.")


def read_header(path: str) -> Header:
    """Header of one file, checked: it opens, it holds real numbers, and it lies somewhere on Earth.

    Raises `SourceNotFoundError`, `NotARasterError` or `MissingCRSError`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
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
    return NotARasterError(
        f"{path} cannot be opened as a raster ({reason}); it may be of another kind, or incomplete: check it with gdalinfo."
    )


def _header(path: str, dataset: Any) -> Header:  # noqa: ANN401
    if dataset.count == 0:
        raise NotARasterError(f"{path} is a container without a raster of its own; name one of its subdatasets.")
    dtype = str(np.result_type(*dataset.dtypes)) if not any("complex" in d for d in dataset.dtypes) else "complex"
    if dtype not in DTYPES:
        raise NotARasterError(f"{path} holds {dtype} values, which are no imagery; convert it with gdal_translate -ot.")
    _check_size(path, dataset)
    alpha = next((i for i, kind in enumerate(dataset.colorinterp, 1) if kind == ColorInterp.alpha), None)
    flags = dataset.mask_flag_enums[0]
    source = Source(
        name=PurePosixPath(path).name,
        bands=tuple(BandAddress(path, number) for number in dataset.indexes),
        wkt=_place(path, dataset).to_wkt(),
        geotransform=tuple(dataset.transform)[:6],
        width=dataset.width,
        height=dataset.height,
        dtype=dtype,
        nodata=tuple(_representable(value, dtype) for value in dataset.nodatavals),
        alpha=None if alpha is None else BandAddress(path, alpha),
        masked=MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags,
        overviews=tuple(sorted(dataset.overviews(1))),
    )
    return Header(path, source)


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


def _place(path: str, dataset: Any) -> CRS:  # noqa: ANN401
    """The horizontal CRS of a dataset. Raises `MissingCRSError` where the raster has no usable place on Earth."""
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


def _horizontal(path: str, wkt: str) -> CRS:
    try:
        crs = CRS.from_wkt(wkt)
        if crs.is_compound:
            crs = crs.sub_crs_list[0]
        if crs.is_engineering or crs.geodetic_crs is None:
            raise MissingCRSError(
                f"{path} lies in {crs.name}, which is no place on Earth; declare its CRS: gdal_edit.py -a_srs."
            )
    except CRSError as error:
        raise MissingCRSError(
            f"{path} has a CRS that cannot be understood; declare it: gdal_edit.py -a_srs EPSG:n."
        ) from error
    return crs


def _sources(headers: Sequence[Header], bands: tuple[int, ...]) -> list[Source]:
    """One source a raster, or one a scene of single-band files. Raises `BandsError`."""
    if len(bands) > 1 and all(header.count == 1 for header in headers):
        scenes: dict[tuple[object, ...], list[Header]] = {}
        for header in headers:
            scenes.setdefault(header.place, []).append(header)
        return [_scene(members, bands) for members in scenes.values()]
    return [_choose(header, bands) for header in headers]


def _choose(header: Header, bands: tuple[int, ...]) -> Source:
    """The asked bands of one raster. An alpha band that is asked for as a band is imagery, not a mask."""
    if max(bands) > header.count:
        raise BandsError(
            f"{header.path} has {_bands(header.count)}, but band {max(bands)} is asked for; choose among 1 to {header.count} "
            f"with --bands, for example --bands {_listed(_suggestion(header.count, len(bands)))}."
        )
    source = header.source
    alpha = source.alpha if source.alpha is not None and source.alpha.band not in bands else None
    picked = tuple(source.bands[band - 1] for band in bands)
    return replace(source, bands=picked, nodata=tuple(source.nodata[band - 1] for band in bands), alpha=alpha)


def _scene(members: Sequence[Header], bands: tuple[int, ...]) -> Source:
    """Files of one band each on one grid, seen as one source."""
    first = members[0]
    if max(bands) > len(members):
        here = "" if len(members) == 1 else f" and {len(members) - 1} more on the same grid"
        raise BandsError(
            f"{first.path}{here} hold one band each, so there is no band {max(bands)}; name the files of all bands "
            f"(they must share CRS, origin, pixel size and shape), or choose among 1 to {len(members)} with --bands, "
            f"for example --bands {_listed(_suggestion(len(members), len(bands)))}."
        )
    picked = [members[band - 1].source for band in bands]
    name = first.source.name if len(members) == 1 else f"{first.source.name}+{len(members) - 1}"
    shared = set.intersection(*(set(source.overviews) for source in picked))
    return replace(
        first.source,
        name=name,
        bands=tuple(source.bands[0] for source in picked),
        dtype=str(np.result_type(*(source.dtype for source in picked))),
        nodata=tuple(source.nodata[0] for source in picked),
        alpha=None,
        masked=any(source.masked for source in picked),
        overviews=tuple(sorted(shared)),
    )


def _suggestion(count: int, wanted: int) -> tuple[int, ...]:
    return tuple(min(number, count) for number in range(1, wanted + 1))


def _bands(count: int) -> str:
    return "1 band" if count == 1 else f"{count} bands"


def _listed(bands: Sequence[int]) -> str:
    return ",".join(map(str, bands))


def _named(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Sources whose names are unique: file name, then as many folders before it as it takes."""
    names = [source.name for source in sources]
    depth = 1
    while len(set(names)) < len(names) and depth < 32:
        depth += 1
        taken = {name for name in names if names.count(name) > 1}
        names = [_longer(s, n, depth) if n in taken else n for s, n in zip(sources, names, strict=True)]
    return tuple(replace(source, name=name) for source, name in zip(sources, names, strict=True))


def _longer(source: Source, name: str, depth: int) -> str:
    path = PurePosixPath(source.bands[0].path)
    extra = name[name.rindex("+") :] if len(source.paths) > 1 and "+" in name else ""
    return "/".join(path.parts[-depth:]) + extra
