"""Opening a survey: from addresses to sources. Pixels are not read (but for the percentiles of 16-bit imagery)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from rasterio.errors import NotGeoreferencedWarning

from landuse.errors import BandsError, UsageError
from landuse.mosaic.addresses import expand
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.headers import Header, read_header
from landuse.mosaic.source import Source
from landuse.mosaic.stretch import survey_stretch
from landuse.mosaic.survey import Survey
from landuse.words import counted

RGB = (1, 2, 3)
HEADER_READERS = 8
"""Headers read at once: most of the time goes into waiting for a disk or an object store."""


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
        headers = read_headers(expand(addresses))
        sources = _named(_sources(headers, bands))
        survey = Survey(sources, tuple(bands), None if stretch is None else (float(stretch[0]), float(stretch[1])))
        if stretch is None and any(source.dtype != "uint8" for source in sources):
            survey = replace(survey, stretch=survey_stretch(survey))
    return survey


def read_headers(paths: Sequence[str]) -> list[Header]:
    """Headers of files in their order. Raises what `read_header` does, of the first file at fault."""

    def read(path: str) -> Header:
        """Read one; each thread has GDAL settings of its own."""
        with gdal_env():
            return read_header(path)

    with warnings.catch_warnings(), ThreadPoolExecutor(HEADER_READERS) as pool:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return list(pool.map(read, paths))


def _check_request(bands: tuple[int, ...], stretch: tuple[float, float] | None) -> None:
    if not bands or min(bands) < 1:
        raise BandsError(f"Band numbers start at 1, so --bands {_listed(bands)} cannot be right.")
    if stretch is not None and not (
        math.isfinite(stretch[0]) and math.isfinite(stretch[1]) and stretch[0] < stretch[1]
    ):
        raise UsageError(f"A stretch runs from a low to a higher value, not from {stretch[0]:g} to {stretch[1]:g}.")


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
            f"{header.path} has {counted(header.count, 'band')}, but band {max(bands)} is asked for; choose among 1 to "
            f"{header.count} with --bands, for example --bands {_listed(_suggestion(header.count, len(bands)))}."
        )
    source = header.source
    alpha = source.alpha if source.alpha is not None and source.alpha.band not in bands else None
    picked = tuple(source.bands[band - 1] for band in bands)
    return replace(source, bands=picked, nodata=tuple(source.nodata[band - 1] for band in bands), alpha=alpha)


def _scene(members: Sequence[Header], bands: tuple[int, ...]) -> Source:
    """Files of one band each on one grid, seen as one source."""
    first = members[0]
    if max(bands) > len(members) and first.palette:
        raise BandsError(
            f"{first.path} holds numbers of a palette's colours; write the colours first: "
            f"gdal_translate -expand rgb {first.path} colours.tif (a map of classes is no imagery)."
        )
    if max(bands) > len(members):
        here = "" if len(members) == 1 else f" and {len(members) - 1} more on the same grid"
        hold = "hold one band each" if here else "holds one band"
        raise BandsError(
            f"{first.path}{here} {hold}, so there is no band {max(bands)}; name the files of all bands "
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
