"""The sites that a report shows: the surest and largest, with both dates' imagery where that can still be read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer

from landuse.change.site_file import read_site_shapes, read_site_table
from landuse.change.sites import TIERS
from landuse.outputs.views import SitePicture, Viewer, imagery_of, parted, picture_of
from landuse.reporting.compared import Compared

MOST = 10


@dataclass(frozen=True)
class Site:
    """A site of confirmed change.

    Attributes:
        number: as in `sites.csv`.
        area_ha: hectares.
        probability: of the change, None where it is not rated.
        lon, lat: of a point in it, in degrees.
        point: the same in the CRS of the maps.
        picture: both dates, None where their imagery cannot be read.
    """

    number: int
    before: str
    after: str
    area_ha: float
    probability: float | None
    tier: str
    lon: float
    lat: float
    point: tuple[float, float]
    picture: SitePicture | None = None


def top_sites(compared: Compared, crs: CRS, most: int = MOST) -> list[Site]:
    """The sites of the surest tiers, in each the largest first; `crs` is that of the maps.

    Raises:
        SourceNotFoundError: the folder has no polygons of sites.
        ConfigError: they are damaged.
    """
    table = read_site_table(compared.folder)
    chosen = table.assign(rank=table["tier"].map({tier: n for n, tier in enumerate(TIERS)}).fillna(len(TIERS)))
    chosen = chosen.sort_values(["rank", "area_ha", "site"], ascending=[True, False, True]).head(most)
    if chosen.empty:
        return []
    shapes = read_site_shapes(compared.folder, chosen.index.tolist()).to_crs(crs)
    outlines = dict(zip(shapes["site"].tolist(), shapes.geometry, strict=True))
    lines = chosen.to_dict("records")
    pictures = _pictures(compared.maps, [_rings(outlines[line["site"]]) for line in lines])
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    return [
        _site(line, outlines[line["site"]], to_degrees, picture) for line, picture in zip(lines, pictures, strict=True)
    ]


def _site(line: Mapping[Hashable, Any], outline: Any, to_degrees: Transformer, picture: SitePicture | None) -> Site:  # noqa: ANN401
    point = shapely.point_on_surface(outline)
    lon, lat = to_degrees.transform(point.x, point.y)
    probability = line["probability"]
    return Site(
        number=int(line["site"]),
        before=str(line["from"]),
        after=str(line["to"]),
        area_ha=float(line["area_ha"]),
        probability=None if probability is None or np.isnan(probability) else float(probability),
        tier=str(line["tier"]),
        lon=float(lon),
        lat=float(lat),
        point=(float(point.x), float(point.y)),
        picture=picture,
    )


def _rings(outline: Any) -> list[np.ndarray[tuple[int, int], np.dtype[np.float64]]]:  # noqa: ANN401
    return [shapely.get_coordinates(part.exterior) for part in shapely.get_parts(outline)]


def _pictures(
    maps: tuple[Path | None, Path | None], outlines: Sequence[Sequence[np.ndarray[Any, np.dtype[np.float64]]]]
) -> list[SitePicture | None]:
    """Both dates of each site; None for all where the imagery of a map is not on this machine."""
    chips = [imagery_of(path) if path is not None and path.is_dir() else None for path in maps]
    if chips[0] is None or chips[1] is None:
        return [None] * len(outlines)
    grid = parted(chips[0].grid)
    with ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(one.survey, grid)) for one in chips if one is not None]
        return [picture_of(rings, viewers) for rings in outlines]
