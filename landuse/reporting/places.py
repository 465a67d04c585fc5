"""Where the most changed: the sites that a report shows, and districts with confirmed change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.windows import Window

from landuse.change.overlap import bands
from landuse.change.site_file import read_site_shapes, read_site_table
from landuse.change.sites import TIERS
from landuse.crs import transformer
from landuse.outputs.areas import raster_areas_ha
from landuse.outputs.categories import CHANGE_STEP
from landuse.outputs.cog import Place, bounds_of
from landuse.outputs.districts import (
    DISTRICTS_TABLE,
    NOT_COMPARED,
    UNCHANGED,
    Districts,
    DistrictTotals,
    check_districts,
    read_districts,
)
from landuse.outputs.tables import read_csv
from landuse.outputs.views import SitePicture, Viewer, imagery_of, parted, picture_of
from landuse.reporting.compared import CHANGE, Compared

MOST = 10


@dataclass(frozen=True)
class Site:
    """A site of confirmed change.

    Attributes:
        probability: of the change, None where it is not rated.
        lon, lat: of a point in it, in degrees.
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
    to_degrees = transformer(crs, 4326)
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


Row = tuple[str, str, str, float]
"""District, class before, class after, hectares."""


@dataclass(frozen=True)
class DistrictChange:
    """A district: its confirmed change in hectares and as a share of its area, and the largest transition."""

    name: str
    changed_ha: float
    share: float
    before: str
    after: str
    largest_ha: float


def district_changes(compared: Compared, districts: Path | None, column: str | None) -> list[DistrictChange]:
    """The districts with confirmed change, the most first; none where there are no districts.

    Args:
        districts: polygons; None takes the table of `diff`, if it wrote one.

    Raises:
        UsageError, NoOverlapError: the districts cannot serve, as `read_districts`.
        ConfigError: the table is damaged.
    """
    check_districts(districts, column)
    if districts is not None:
        return _listed(*_measured(compared, districts, column))
    table = compared.folder / f"{DISTRICTS_TABLE}.csv"
    return _listed(*_read(table)) if table.is_file() else []


def _listed(rows: Iterable[Row], areas: dict[str, float]) -> list[DistrictChange]:
    changes: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[1] not in (UNCHANGED, NOT_COMPARED) and row[3] > 0:
            changes[row[0]].append(row)
    found = []
    for name, lines in changes.items():
        total, most = sum(line[3] for line in lines), max(lines, key=lambda line: line[3])
        found.append(
            DistrictChange(name, total, total / areas[name] if areas[name] else 0.0, most[1], most[2], most[3])
        )
    return sorted(found, key=lambda one: (-one.changed_ha, one.name))


def _read(path: Path) -> tuple[list[Row], dict[str, float]]:
    rows = read_csv(path, ("district", "from", "to", "area_ha"), "table of changes by district", _row)
    areas: dict[str, float] = defaultdict(float)
    for name, _, _, hectares in rows:
        areas[name] += hectares
    return rows, areas


def _row(line: Mapping[str, str]) -> Row:
    return line["district"], line["from"], line["to"], float(line["area_ha"])


def _measured(compared: Compared, path: Path, column: str | None) -> tuple[Iterator[Row], dict[str, float]]:
    """Confirmed hectares of every transition in each district, strip by strip of `change.tif`."""
    with rasterio.open(compared.folder / CHANGE) as dataset:
        place = Place(CRS.from_user_input(dataset.crs), dataset.transform, dataset.shape)
        districts = read_districts(path, column, place.crs, bounds_of(place))
        totals = DistrictTotals(districts)
        for rows in bands(place.shape):
            corner, height = place.transform @ Affine.translation(0, rows.start), rows.stop - rows.start
            hectares = raster_areas_ha(corner, place.crs, (height, place.shape[1]))
            codes = dataset.read(1, window=Window(0, rows.start, place.shape[1], height)).astype(np.int64)
            totals.add_raster(place.transform, rows.start, codes, hectares)
    areas = dict(zip(districts.names, districts.areas_ha.tolist(), strict=True))
    return _rows(compared, totals, districts), areas


def _rows(compared: Compared, totals: DistrictTotals, districts: Districts) -> Iterator[Row]:
    said = compared.record.details.get("codes")
    names = {number: name for name, number in said.items()} if isinstance(said, dict) else {}
    for before in names:
        for after in names:
            hectares = totals.of(CHANGE_STEP * before + after)
            for district, area in zip(districts.names, hectares.tolist(), strict=True):
                yield district, names[before], names[after], area
