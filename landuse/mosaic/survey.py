"""A survey: the sources of one year in the order of their precedence, and what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from landuse.errors import UsageError
from landuse.grid import Bounds
from landuse.mosaic.colour import Curves
from landuse.mosaic.source import EDGE_POINTS, Source, same_crs, transformer
from landuse.palette import LEVELS


@dataclass(frozen=True)
class Recolouring:
    """How the colours of a survey are changed as it is read (`landuse.mosaic.flights` finds it).

    Attributes:
        curves: tables of 256 bytes a band, one table a flight.
        flights: the flight of each source.
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
        bands: the asked band numbers.
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
        """Footprints of sources that share one CRS."""
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
