"""Change sites: neighbouring cells with the same change, as one place that a planner can visit.

They are found by a sweep over bands of lines, so that only those that are not finished are in memory with their outlines; the
others wait in a file, which SQLite brings into order on disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.features import rasterize

from landuse.change.comparison import Comparison
from landuse.change.overlap import bands
from landuse.change.scratch import COMPARED, CellScratch
from landuse.errors import LanduseError
from landuse.grid import IntArray
from landuse.outputs.polygons import Geometries, Regions, Sweep
from landuse.outputs.vectors import placed, spacing_of

TIERS = {
    "certain": "Nine in ten or more of such sites are expected to be real; worth acting on.",
    "likely": "More likely real than not; look at both images before acting.",
    "possible": "Less likely real than not, and more likely than anything below; worth a look where little else is found.",
    "unrated": "The two classes differ, but at least one map carries no probabilities, so nobody can say how surely.",
}
CERTAIN, LIKELY = 0.9, 0.5
AT_ONCE = 10_000
AT_ONCE_LINES = 64
ALL_BUT = 1 - 1e-3
"""Share of the least area from which a site has it: cells differ a little in size."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SiteTable:
    """n sites.

    Attributes:
        states: (n,) kind of change, as `Kinds` numbers them.
        cells: (n,) how many cells each has.
        area_ha: (n,).
        probability: (n,) mean probability of the change, NaN where unrated.
        x, y: (n,) a place within each, in the CRS of the maps.
        outlines: (n,) well-known binary, None where the change is not confirmed.
    """

    states: IntArray
    cells: IntArray
    area_ha: Floats
    probability: Floats
    x: Floats
    y: Floats
    outlines: npt.NDArray[np.object_]

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, ...]]) -> SiteTable:
        """The sites of some rows of a database, which has no NaN."""
        columns: Any = np.array(rows, object).reshape(-1, len(TYPES)).T
        return cls(*(column.astype(kind) for column, kind in zip(columns, TYPES, strict=True)))

    def __len__(self) -> int:
        return len(self.states)


TYPES = (np.int64, np.int64, np.float64, np.float64, np.float64, np.float64, object)
"""Of the columns of a `SiteTable`."""
NAMES = tuple(field.name for field in fields(SiteTable))
FRESH = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -4096;
CREATE TABLE site ({", ".join(NAMES)});
"""
"""A database that is gone with the run, and so needs no journal; four megabytes of it are in memory."""
ADDED = f"INSERT INTO site VALUES ({', '.join('?' for _ in NAMES)})"
RANKED = """
SELECT * FROM site WHERE (outlines IS NOT NULL) = ?
ORDER BY coalesce(probability, 0) DESC, area_ha DESC, y DESC, x
"""
CONFIRMED = "SELECT count(*), total(cells * (1 - coalesce(probability, 0))) FROM site WHERE outlines IS NOT NULL"


class SiteFile:
    """Sites on disk, more of them than memory holds."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base
        base.executescript(FRESH)

    def add(self, sites: SiteTable) -> None:
        """Add some."""
        self._base.executemany(ADDED, zip(*(getattr(sites, name).tolist() for name in NAMES), strict=True))

    def ranked(self, *, confirmed: bool) -> Iterator[SiteTable]:
        """Those that are confirmed or the others, some at a time: the surest first, then the largest, then the northernmost.

        Where there are none, one empty table.
        """
        rows = self._base.execute(RANKED, (confirmed,))
        some = rows.fetchmany(AT_ONCE)
        yield SiteTable.of(some)
        while some := rows.fetchmany(AT_ONCE):
            yield SiteTable.of(some)

    def confirmed(self) -> tuple[int, float]:
        """How many are confirmed, and how many of their cells are expected not to have changed so."""
        sites, cells = self._base.execute(CONFIRMED).fetchone()
        return int(sites), float(cells)


@contextmanager
def site_file(folder: Path) -> Iterator[SiteFile]:
    """Yield a file of sites in a folder, from which it is gone afterwards. Raises `LanduseError` where the disk is full."""
    path = folder / ".sites.scratch.db"
    try:
        with closing(sqlite3.connect(path)) as base:
            yield SiteFile(base)
    except sqlite3.Error as error:
        raise LanduseError(f"Cannot keep the sites of change in {folder}: {error}.") from error
    finally:
        path.unlink(missing_ok=True)


def find_sites(found: Comparison, scratch: CellScratch, sites: SiteFile) -> None:
    """All sites, confirmed and possible, into a file.

    Sites of fewer cells or hectares than the rule asks for are left out, and their cells become unchanged in `scratch`.
    """
    transform, crs, rule = found.overlap.transform, found.before.crs, found.rule
    sweep = Sweep(scratch.shape[1], 3, spacing_of(transform, crs))
    for ended in _regions(found, scratch, sweep):
        cells = ended.sums[:, 0].astype(np.int64)
        kept = (cells >= rule.min_site) & (ended.sums[:, 1] >= rule.min_hectares * ALL_BUT)
        if not kept.all():
            _forget(scratch, ended.polygons[~kept])
        polygons = placed(ended.polygons[kept], transform)
        states, outlines = ended.values[kept].astype(np.int64), np.full(len(polygons), None)
        sure = scratch.kinds.is_confirmed(states)
        outlines[sure] = shapely.to_wkb(polygons[sure])
        x, y = shapely.get_coordinates(shapely.point_on_surface(polygons)).T
        mean = ended.sums[kept, 2] / cells[kept]
        sites.add(SiteTable(states, cells[kept], ended.sums[kept, 1], mean, x, y, outlines))


def _regions(found: Comparison, scratch: CellScratch, sweep: Sweep) -> Iterator[Regions]:
    """The sites that end within each band of lines, with the sums of their cells, hectares and probabilities."""
    for rows in bands(scratch.shape, "outlining"):
        states = scratch.states(rows)
        probability = scratch.probability(rows, states)
        weights = np.stack([np.ones(states.shape), found.ground.hectares(rows), probability.astype(np.float64)])
        yield sweep.add(np.where(states > COMPARED, states, 0).astype(np.int64), weights)
    yield sweep.skip_to(-1)


def _forget(scratch: CellScratch, polygons: Geometries) -> None:
    """Make the cells of small sites unchanged, those that begin in the same lines at once."""
    tops, bottoms = shapely.bounds(polygons)[:, [1, 3]].astype(int).T
    order = np.argsort(tops)
    for some in np.split(order, np.flatnonzero(np.diff(tops[order] // AT_ONCE_LINES)) + 1):
        rows = slice(int(tops[some].min()), int(bottoms[some].max()))
        states = scratch.states(rows)
        moved = shapely.transform(polygons[some], lambda xy, top=rows.start: xy - [0.0, top])
        states[rasterize(moved, out_shape=states.shape).astype(bool)] = COMPARED
        scratch.set_states(rows, states)


def tier_of(probability: float | None) -> str:
    """The tier of a site by its mean probability of change; None (or NaN) is unrated."""
    if probability is None or np.isnan(probability):
        return "unrated"
    if probability >= CERTAIN:
        return "certain"
    return "likely" if probability >= LIKELY else "possible"
