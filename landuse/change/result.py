"""A folder of `diff` read back: what it says of every cell beside the two maps it compared, and how right that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import CRS

from landuse.change.comparison import ChangeRule, Comparison
from landuse.change.ground import CountedGround
from landuse.change.maps import ClassMap, read_class_map, regrouped
from landuse.change.overlap import bands, common_legend, in_legend, overlap
from landuse.change.transitions import CODES
from landuse.errors import DamagedSourceError, SourceNotFoundError, UsageError
from landuse.grid import Cell, ChipGrid, chip_ids
from landuse.legend import Legend, load_legend
from landuse.mosaic.gdal import block_cache
from landuse.outputs.categories import CHANGE_STEP
from landuse.outputs.cog import RASTER_ERRORS
from landuse.outputs.districts import Districts, DistrictTotals
from landuse.outputs.land_use_map import READ_OF_MAPS
from landuse.outputs.record import RECORD, RunRecord, found_inputs, read_record

CHANGE, PROBABILITY = "change.tif", "change_probability.tif"
CACHE_BYTES = 16 * 2**20
"""GDAL's block cache while whole rasters are read, which are in memory afterwards."""
Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class ChangeResult:
    """What `diff` wrote, (H, W) cells on the common ground.

    Attributes:
        folder: of `diff`.
        maps: folders or files of the earlier and the later map.
        names: what they are called.
        legend: the common classes.
        before, after: class codes in the two maps; 0 = no data.
        changed: cells that are confirmed as changed.
        probability: P(change), NaN where it is not known.
        transform, crs: where the cells lie.
        grid: the lattice, None where the maps are not of chips.
        ground: how much of each cell's ground counts.
    """

    folder: Path
    maps: tuple[Path, Path]
    names: tuple[str, str]
    legend: Legend
    before: npt.NDArray[np.uint16]
    after: npt.NDArray[np.uint16]
    changed: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float32]
    transform: Affine
    crs: CRS
    grid: ChipGrid | None
    ground: CountedGround

    def hectares(self) -> npt.NDArray[np.float64]:
        """Area of every cell (H, W) on the ellipsoid, as far as there is imagery and anybody asked for it."""
        found = np.empty(self.before.shape)
        for rows in bands(self.before.shape):
            found[rows] = self.ground.hectares(rows)
        return found

    @property
    def later(self) -> npt.NDArray[np.uint16]:
        """Class after (H, W), as the change map has it: that before, but where it confirms a change."""
        return np.where(self.changed, self.after, self.before)

    def by_district(self, districts: Districts) -> dict[tuple[str, str], npt.NDArray[np.float64]]:
        """Hectares (m,) in each district of each (before, after) that the change map has; the same twice is no change."""
        area, later = self.ground.area, self.later
        totals = DistrictTotals(districts.within(None if area is None else area.wkb))
        for rows in bands(self.before.shape):
            compared = (self.before[rows] > 0) & (self.after[rows] > 0)
            codes = np.where(compared, self.before[rows].astype(np.int64) * CODES + later[rows], 0)
            totals.add_raster(self.transform, rows.start, codes, self.ground.in_sight(rows))
        name = self.legend.name_of
        return {(name(code // CODES), name(code % CODES)): totals.of(code) for code in totals.codes}

    def cells(self, positions: npt.NDArray[np.int64]) -> list[Cell]:
        """Lattice cells of flat positions. Raises `UsageError` where the maps are not of chips."""
        if self.grid is None:
            raise UsageError(f"The maps of {self.folder} are not of landuse classify, so their cells have no chips.")
        lines, columns = np.divmod(positions, self.before.shape[1])
        top, left = round(self.transform.f / self.grid.side) - 1, round(self.transform.c / self.grid.side)
        return [Cell(top - line, left + column) for line, column in zip(lines.tolist(), columns.tolist(), strict=True)]


@block_cache(CACHE_BYTES)
def read_change(folder: Path) -> ChangeResult:
    """Read a folder of `diff` and the two maps it names.

    Raises:
        SourceNotFoundError: it is no such folder, or a map that it compared is not where it was.
        LanduseError: a file is damaged, as `read_class_map`.
    """
    record = read_record(folder)
    if record.command != "diff":
        raise SourceNotFoundError(f"{folder} is the result of landuse {record.command}; give a folder of landuse diff.")
    paths = _maps_there(folder, record)
    lands = [_read_map(path, record) for path in paths]
    shared, legend = overlap(*lands), common_legend(*lands)
    before, after = (in_legend(land, legend) for land in lands)
    pair = Comparison(before, after, shared, ChangeRule())
    first, second = pair.codes(slice(0, shared.shape[0]))
    changed = _band(folder / CHANGE, shared.shape) > 0
    return ChangeResult(
        folder=folder,
        maps=paths,
        names=(before.name, after.name),
        legend=legend,
        before=first.astype(np.uint16),
        after=second.astype(np.uint16),
        changed=changed,
        probability=_band(folder / PROBABILITY, shared.shape),
        transform=shared.transform,
        crs=before.crs,
        grid=before.grid,
        ground=pair.ground,
    )


def compared_maps(folder: Path, record: RunRecord) -> tuple[Path, ...]:
    """The first and the last map of a comparison, folders of classify or class GeoTIFFs, be they still there or not."""
    named = list(dict.fromkeys(_map_of(file) for file in found_inputs(folder, record)))
    return (named[0], named[-1]) if len(named) > 1 else ()


def _map_of(file: Path) -> Path:
    plain = file.name not in READ_OF_MAPS or (file.is_file() and not (file.parent / RECORD).is_file())
    return file if plain else file.parent


def _maps_there(folder: Path, record: RunRecord) -> tuple[Path, Path]:
    maps = compared_maps(folder, record)
    gone = [path for path in maps if not path.exists()]
    if gone or not maps:
        what = f"{gone[0]} is not where it was when {folder} was made" if gone else f"{folder} does not name two maps"
        raise SourceNotFoundError(f"{what}; compare the maps again with landuse diff.")
    return maps[0], maps[-1]


def _read_map(path: Path, record: RunRecord) -> ClassMap:
    legend, groups = record.options.get("legend"), record.options.get("regroup")
    land = read_class_map(path, legend)
    return regrouped(land, load_legend(groups)) if groups else land


def _band(path: Path, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            band: npt.NDArray[np.float32] = dataset.read(1, out_dtype="float32")
    except RASTER_ERRORS as error:
        raise DamagedSourceError(f"{path} cannot be read; compare the maps again with landuse diff.") from error
    if band.shape != shape:
        raise DamagedSourceError(f"{path} does not fit the maps that it was made of; compare them again.")
    return band


def confirmed_chips(folder: Path, numbers: Mapping[str, int]) -> dict[str, tuple[str, str]]:
    """Chip id -> (from, to) of every confirmed cell of a folder of `diff`; empty where its maps are not of chips.

    Args:
        folder: of `diff`.
        numbers: class name -> number in `change.tif`.
    """
    grid = read_record(folder).grid
    if grid is None or not numbers:
        return {}
    side = ChipGrid.from_dict(grid).side
    with rasterio.open(folder / CHANGE, driver="GTiff") as dataset:
        image, transform = dataset.read(1), dataset.transform
    lines, columns = np.nonzero(image)
    ids = chip_ids(round(transform.f / side) - 1 - lines, round(transform.c / side) + columns).tolist()
    names = {number: name for name, number in numbers.items()}
    pairs = ((names[code // CHANGE_STEP], names[code % CHANGE_STEP]) for code in image[lines, columns].tolist())
    return dict(zip(map(str, ids), pairs, strict=True))


@dataclass(frozen=True)
class ChangeScores:
    """Flagged cells against the truth.

    Attributes:
        flagged: cells flagged as changed.
        true: cells that truly changed.
        hits: cells in both.
        right_pair: hits whose from and to classes are right as well.
    """

    flagged: int
    true: int
    hits: int
    right_pair: int

    @property
    def precision(self) -> float | None:
        """Share of the flagged cells that truly changed; None where none is flagged."""
        return self.hits / self.flagged if self.flagged else None

    @property
    def recall(self) -> float | None:
        """Share of the truly changed cells that are flagged; None where none changed."""
        return self.hits / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where nothing changed and nothing is flagged."""
        return 2 * self.hits / (self.flagged + self.true) if self.flagged + self.true else None


def change_scores(flagged: Mapping[str, Pair], truth: Mapping[str, Pair]) -> ChangeScores:
    """Compare flagged with true changes.

    Args:
        flagged: chip id -> (from, to) class names of every cell flagged as changed.
        truth: chip id -> (from, to) of every cell that truly changed, over the same cells.
    """
    hits = flagged.keys() & truth.keys()
    return ChangeScores(len(flagged), len(truth), len(hits), sum(flagged[c] == truth[c] for c in hits))
