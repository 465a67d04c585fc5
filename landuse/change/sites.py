"""Change sites: neighbouring cells with the same change, as one place that a planner can visit.

They are found by a sweep over bands of lines, so that only those that are not finished are in memory with their outlines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from affine import Affine
from rasterio.features import rasterize

from landuse.change.comparison import Comparison
from landuse.change.overlap import bands
from landuse.change.scratch import COMPARED, CellScratch
from landuse.grid import IntArray
from landuse.outputs.areas import raster_areas_ha
from landuse.outputs.polygons import Geometries, Regions, Sweep
from landuse.outputs.vectors import placed, spacing_of

TIERS = {
    "certain": "Nine in ten or more of such sites are expected to be real; worth acting on.",
    "likely": "More likely real than not; look at both images before acting.",
    "possible": "Less likely real than not, and more likely than anything below; worth a look where little else is found.",
    "unrated": "The two classes differ, but at least one map carries no probabilities, so nobody can say how surely.",
}
CERTAIN, LIKELY = 0.9, 0.5
OUTLINES = pa.schema([("outline", pa.binary())])
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SiteTable:
    """n sites.

    Attributes:
        states: (n,) kind of change, as `Kinds` numbers them.
        cells: (n,) how many cells each has.
        area_ha: (n,).
        probability: (n,) mean probability of the change, NaN where unrated.
        points: (n, 2) a place within each, in the CRS of the maps.
    """

    states: IntArray
    cells: IntArray
    area_ha: Floats
    probability: Floats
    points: Floats

    @classmethod
    def joined(cls, parts: Sequence[SiteTable]) -> SiteTable:
        """The sites of some tables."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def __len__(self) -> int:
        return len(self.states)

    def take(self, sites: IntArray) -> SiteTable:
        """Some of the sites."""
        return SiteTable(*(getattr(self, field.name)[sites] for field in fields(self)))

    def order(self) -> IntArray:
        """Their numbers, the surest first; of equally sure ones the largest, then the northernmost."""
        x, y = self.points.T
        return np.lexsort((x, -y, -self.area_ha, -np.nan_to_num(self.probability)))


class OutlineFile:
    """Outlines of sites on disk, in the order in which they were found."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = pa.ipc.new_file(path, OUTLINES)

    def add(self, polygons: Geometries) -> None:
        """Add some."""
        if len(polygons):
            self._writer.write(pa.record_batch([pa.array(shapely.to_wkb(polygons), pa.binary())], OUTLINES))

    def read(self) -> Iterator[Geometries]:
        """All of them, some at a time. None can be added any more."""
        self._writer.close()
        with pa.OSFile(str(self._path)) as file, pa.ipc.open_file(file) as reader:
            for number in range(reader.num_record_batches):
                yield np.asarray(shapely.from_wkb(reader.get_batch(number).column(0).to_pylist()))


@contextmanager
def outline_file(folder: Path) -> Iterator[OutlineFile]:
    """Yield a file of outlines in a folder, from which it is gone afterwards."""
    path = folder / ".outlines.scratch.arrow"
    try:
        yield OutlineFile(path)
    finally:
        path.unlink(missing_ok=True)


def find_sites(found: Comparison, scratch: CellScratch, outlines: OutlineFile, least: int) -> SiteTable:
    """All sites, confirmed and possible. Outlines of the confirmed ones are kept, in the order of the table.

    Sites of fewer than `least` cells are left out, and their cells become unchanged in `scratch`.
    """
    transform, crs = found.overlap.transform, found.before.crs
    sweep = Sweep(scratch.shape[1], 3, spacing_of(transform, crs))
    nothing, none = np.empty(0, np.int64), np.empty(0)
    tables = [SiteTable(nothing, nothing, none, none, np.empty((0, 2)))]
    for ended in _regions(found, scratch, sweep):
        cells = ended.sums[:, 0].astype(np.int64)
        small = cells < least
        if small.any():
            _forget(scratch, ended.polygons[small], least)
        polygons = placed(ended.polygons[~small], transform)
        kept = ended.values[~small].astype(np.int64)
        outlines.add(polygons[scratch.kinds.is_confirmed(kept)])
        mean = ended.sums[~small, 2] / cells[~small]
        points = shapely.get_coordinates(shapely.point_on_surface(polygons))
        tables.append(SiteTable(kept, cells[~small], ended.sums[~small, 1], mean, points))
    return SiteTable.joined(tables)


def least_cells(found: Comparison) -> int:
    """Least cells of a site: those asked for, or those that the least area asked for takes, in whole cells."""
    lines, columns = found.overlap.shape
    middle = found.overlap.transform @ Affine.translation(columns // 2, lines // 2)
    cell = float(raster_areas_ha(middle, found.before.crs, (1, 1))[0, 0])
    return max(found.rule.min_site, math.ceil(found.rule.min_hectares / cell - 1e-3))


def _regions(found: Comparison, scratch: CellScratch, sweep: Sweep) -> Iterator[Regions]:
    """The sites that end within each band of lines, with the sums of their cells, hectares and probabilities."""
    for rows in bands(scratch.shape, "outlining"):
        states = scratch.states(rows)
        probability = scratch.probability(rows, states)
        weights = np.stack([np.ones(states.shape), found.ground.hectares(rows), probability.astype(np.float64)])
        yield sweep.add(np.where(states > COMPARED, states, 0).astype(np.int64), weights)
    yield sweep.skip_to(-1)


def _forget(scratch: CellScratch, polygons: Geometries, least: int) -> None:
    """Make the cells of small sites unchanged. Such a site reaches over fewer lines than `least`."""
    tops, bottoms = shapely.bounds(polygons)[:, [1, 3]].astype(int).T
    order = np.argsort(tops)
    for some in np.split(order, np.flatnonzero(np.diff(tops[order] // max(least, 64))) + 1):
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


def tier_counts(tiers: Sequence[str]) -> dict[str, int]:
    """How many sites each tier has, those without any included."""
    return {tier: sum(t == tier for t in tiers) for tier in TIERS}
