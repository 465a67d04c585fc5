"""A survey: the sources of one year in the order of their precedence, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from landuse.errors import UsageError
from landuse.grid import Bounds
from landuse.mosaic.source import Source, same_crs, transformer


@dataclass(frozen=True)
class Survey:
    """Many rasters as one. Picklable, and plain JSON through `as_dict`.

    Attributes:
        sources: in order of precedence; where two overlap, the first with imagery at a pixel wins.
        bands: the asked band numbers.
        stretch: (low, high) source values that become 0 and 255; None where pixels are uint8 and taken as they are. One pair
            for the whole survey and for all bands, so that colours stay comparable between chips.
    """

    sources: tuple[Source, ...]
    bands: tuple[int, ...]
    stretch: tuple[float, float] | None = None

    @property
    def crs(self) -> CRS:
        """CRS of the first source."""
        return self.sources[0].crs

    def stretch_of(self, source: Source) -> tuple[float, float] | None:
        """The stretch for one source: uint8 beside deeper sources is taken as it is."""
        if source.dtype == "uint8" and any(other.dtype != "uint8" for other in self.sources):
            return None
        return self.stretch

    def footprints(self, crs: CRS) -> list[shapely.Polygon]:
        """Outline of each source in `crs`, in the order of `sources`; edges are densified where it is another CRS.

        Raises `UsageError` where a source cannot be expressed in `crs`.
        """
        found: list[shapely.Polygon] = []
        for source in self.sources:
            if same_crs(source.crs, crs):
                corners = source.outline()[:: len(source.outline()) // 4]
            else:
                corners = self._carried(source, crs)
            found.append(shapely.Polygon(corners))
        return found

    @staticmethod
    def _carried(source: Source, crs: CRS) -> npt.NDArray[np.float64]:
        outline = source.outline()
        x, y = transformer(source.crs, crs).transform(outline[:, 0], outline[:, 1])
        points = np.stack([x, y], axis=1)
        if not (np.isfinite(points).all() and shapely.Polygon(points).is_valid):
            raise UsageError(
                f"{source.name} reaches beyond where {crs.name} is defined; give a CRS that holds it with --crs EPSG:n."
            )
        return points

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
