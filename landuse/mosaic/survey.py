"""A survey: the sources of one year in the order of their precedence, and how it is opened from their addresses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning

from landuse.crs import transformer
from landuse.errors import BandsError, UsageError
from landuse.grid import Bounds
from landuse.mosaic.addresses import expand
from landuse.mosaic.bands import RGB, listed, sources_of
from landuse.mosaic.colour import Curves
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.headers import Header, read_header
from landuse.mosaic.source import EDGE_POINTS, Source, same_crs
from landuse.mosaic.stretch import survey_stretch
from landuse.mosaic.undeclared import with_undeclared
from landuse.palette import LEVELS


@dataclass(frozen=True)
class Recolouring:
    """How the colours of a survey are changed as it is read (`landuse.mosaic.flights` finds it).

    Attributes:
        curves: tables of 256 bytes a band, one table a flight.
    """

    curves: tuple[bytes, ...]
    flights: tuple[int, ...]

    def of(self, source: int) -> Curves:
        """The curves uint8 (B, 256) of a source."""
        return np.frombuffer(self.curves[self.flights[source]], np.uint8).reshape(-1, LEVELS)

    def part(self, sources: Sequence[int]) -> Recolouring:
        """That of some sources alone, by their positions."""
        return Recolouring(self.curves, tuple(self.flights[source] for source in sources))


@dataclass(frozen=True)
class Survey:
    """Many rasters as one. Picklable, and plain JSON through `as_dict`.

    Attributes:
        sources: in order of precedence; where two overlap, the first with imagery at a pixel wins.
        stretch: (low, high) source values that become 0 and 255; None where pixels are uint8 and taken as they are. One pair
            for the whole survey and for all bands, so that colours stay comparable between chips.
        recolouring: how 8-bit values (those after the stretch) are changed; None where they stay. It belongs to a run, not to
            the survey, so `as_dict` leaves it out.
    """

    sources: tuple[Source, ...]
    bands: tuple[int, ...]
    stretch: tuple[float, float] | None = None
    recolouring: Recolouring | None = None

    @property
    def crs(self) -> CRS:
        """CRS of the first source."""
        return self.sources[0].crs

    def stretch_of(self, source: Source) -> tuple[float, float] | None:
        """The stretch for one source: uint8 beside deeper sources is taken as it is."""
        return None if source.dtype == "uint8" and self._has_deep else self.stretch

    def curves_of(self, index: int) -> Curves | None:
        """The curves uint8 (B, 256) of a source by its position; None where its colours stay."""
        return None if self.recolouring is None else self.recolouring.of(index)

    @cached_property
    def _has_deep(self) -> bool:
        return any(source.dtype != "uint8" for source in self.sources)

    def part(self, numbers: Sequence[int]) -> Survey:
        """The survey of some sources alone, by their positions; pixels of theirs come out as they do from the whole."""
        recolouring = None if self.recolouring is None else self.recolouring.part(numbers)
        chosen = replace(self, sources=tuple(self.sources[number] for number in numbers), recolouring=recolouring)
        return replace(chosen, stretch=None) if self._has_deep and not chosen._has_deep else chosen

    def footprints(self, crs: CRS) -> list[shapely.Polygon]:
        """Outline of each source in `crs`, in the order of `sources`; edges are densified where it is another CRS.

        Raises `UsageError` where a source cannot be expressed in `crs`.
        """
        found = np.empty(len(self.sources), dtype=object)
        for wkt in {source.wkt for source in self.sources}:
            chosen = [index for index, source in enumerate(self.sources) if source.wkt == wkt]
            found[chosen] = self._outlines([self.sources[index] for index in chosen], crs)
        return list(found)

    @staticmethod
    def _outlines(sources: Sequence[Source], crs: CRS) -> npt.NDArray[np.object_]:
        if same_crs(sources[0].crs, crs):
            return np.asarray(shapely.polygons(np.stack([source.outline(1) for source in sources])))
        outlines = np.stack([source.outline(EDGE_POINTS) for source in sources])
        x, y = transformer(sources[0].crs, crs).transform(outlines[..., 0], outlines[..., 1])
        fine = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
        polygons = shapely.polygons(np.stack([np.where(fine[:, None], x, 0), np.where(fine[:, None], y, 0)], axis=-1))
        fine &= shapely.is_valid(polygons)
        if not fine.all():
            raise UsageError(
                f"{sources[int(np.argmin(fine))].name} reaches beyond where {crs.name} is defined; "
                "give a CRS that holds it with --crs EPSG:n."
            )
        return np.asarray(polygons)

    def bounds_in(self, crs: CRS) -> Bounds:
        """The smallest rectangle in `crs` around all sources. Raises as `footprints`."""
        west, south, east, north = shapely.total_bounds(np.array(self.footprints(crs), dtype=object)).tolist()
        return Bounds(west, south, east, north)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them."""
        return {
            "sources": [source.as_dict() for source in self.sources],
            "bands": list(self.bands),
            "stretch": None if self.stretch is None else list(self.stretch),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Survey:
        """The survey that `as_dict` described."""
        stretch = values["stretch"]
        return cls(
            tuple(Source.from_dict(source) for source in values["sources"]),
            tuple(values["bands"]),
            None if stretch is None else (float(stretch[0]), float(stretch[1])),
        )


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
        sources = _named(with_undeclared(sources_of(headers, bands), collars=collars))
        survey = Survey(
            sources, _numbers(sources[0], bands), None if stretch is None else (float(stretch[0]), float(stretch[1]))
        )
        if stretch is None and any(source.dtype != "uint8" for source in sources):
            survey = replace(survey, stretch=survey_stretch(survey.sources))
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
