"""Opening a survey: from addresses to sources. Pixels are not read (but for the percentiles of 16-bit imagery)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath

from rasterio.errors import NotGeoreferencedWarning

from landuse.errors import BandsError, UsageError
from landuse.mosaic.addresses import expand
from landuse.mosaic.bands import RGB, listed, sources_of
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.headers import Header, read_header
from landuse.mosaic.source import Source
from landuse.mosaic.stretch import survey_stretch
from landuse.mosaic.survey import Survey
from landuse.mosaic.undeclared import looked_at

HEADER_READERS = 8
"""Headers read at once: most of the time goes into waiting for a disk or an object store."""


def open_survey(
    addresses: Sequence[str | Path],
    *,
    bands: tuple[int, ...] | None = None,
    stretch: tuple[float, float] | None = None,
    collars: bool = True,
) -> Survey:
    """Read the headers of every raster that `addresses` name, in the order given (folders and globs sorted by name).

    Args:
        addresses: files, folders, globs, zip archives, GDAL /vsi addresses, s3:// and http(s):// addresses.
        bands: asked band numbers from 1; None for red, green and blue by what the files declare of their colours, or by the
            names of satellites' bands, else the first three. Where every raster has one band and more than one is asked for,
            the rasters that share one grid are the bands of one scene, and numbers count across its files in the order given.
        stretch: (low, high) values that become 0 and 255. Without it, imagery deeper than uint8 takes the 2nd and the 98th
            percentile of the whole survey.
        collars: whether ground around a picture that holds 0 or another fill value without declaring it is left out.

    Raises:
        SourceNotFoundError, NotARasterError, MissingCRSError, BandsError: as their names say.
        UsageError: a band number below 1, or a stretch whose low is not below its high.
    """
    _check_request(bands, stretch)
    with gdal_env():
        headers = read_headers(expand(addresses))
        sources = _named(looked_at(sources_of(headers, bands), collars=collars))
        survey = Survey(
            sources, _numbers(sources[0], bands), None if stretch is None else (float(stretch[0]), float(stretch[1]))
        )
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


def _numbers(source: Source, bands: tuple[int, ...] | None) -> tuple[int, ...]:
    """The asked bands, else those of the first source: numbers of its bands, or of its files where they hold one each."""
    if bands is not None:
        return tuple(bands)
    if len(source.paths) > 1 or source.palette:
        return RGB
    return tuple(band.band for band in source.bands)


def _check_request(bands: tuple[int, ...] | None, stretch: tuple[float, float] | None) -> None:
    if bands is not None and (not bands or min(bands) < 1):
        raise BandsError(f"Band numbers start at 1, so --bands {listed(bands)} cannot be right.")
    if stretch is not None and not (
        math.isfinite(stretch[0]) and math.isfinite(stretch[1]) and stretch[0] < stretch[1]
    ):
        raise UsageError(f"A stretch runs from a low to a higher value, not from {stretch[0]:g} to {stretch[1]:g}.")


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
