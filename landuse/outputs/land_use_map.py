"""A land-use map as `classify` writes it: every file of it from strips of chips, and what Python reads of it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from affine import Affine

from landuse.chips import CHIPS_FILE, Chips, ChipSet, chip_writer, read_chips, read_columns
from landuse.chips.arrow import arrow_array, named_array, numbers_of
from landuse.grid import CellRange, ChipGrid
from landuse.legend import Legend
from landuse.outputs.areas import cell_areas_ha
from landuse.outputs.cog import bands_cog, class_cog
from landuse.outputs.record import read_record
from landuse.outputs.summary import ClassArea, Totals, write_summary
from landuse.outputs.vectors import Dissolver, MapLines, geojson_writer

MAP, PROBABILITIES, POLYGONS = "landuse.tif", "probabilities.tif", "landuse.geojson"
SUMMARY = "summary.csv"
Float32 = npt.NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class LandUseMap:
    """The folder of a land-use map. Nothing is read until it is asked for, and then once.

    Attributes:
        folder: what `classify` wrote.
        chips: where.
        legend: the model's classes.
        probabilities: float32 (n, classes), calibrated; NaN where a chip was quarantined.
        known: bool (n,), which chips have an answer.
        codes: uint8 (n,), the most probable class; 0 where quarantined.
        confidence: float32 (n,), its probability; NaN where quarantined.
        extent: the smallest range of cells that holds every chip.
    """

    folder: Path

    @cached_property
    def chips(self) -> ChipSet:
        """Where."""
        return read_chips(self.folder)

    @cached_property
    def legend(self) -> Legend:
        """The model's classes."""
        return Legend.model_validate(read_record(self.folder).legend)

    @cached_property
    def probabilities(self) -> Float32:
        """Calibrated probabilities, float32 (n, classes)."""
        table = read_columns(self.folder, [f"p_{name}" for name in self.legend.names])
        return np.stack([numbers_of(column) for column in table.columns], axis=1)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which chips have an answer, bool (n,)."""
        return self._labels.codes > 0

    @property
    def codes(self) -> npt.NDArray[np.uint8]:
        """Class code of every chip, uint8 (n,)."""
        return self._labels.codes

    @property
    def confidence(self) -> Float32:
        """Probability of the class of every chip, float32 (n,)."""
        return self._labels.confidence

    @property
    def extent(self) -> CellRange:
        """The smallest range of cells that holds every chip."""
        return self.chips.extent

    def image(self, values: npt.NDArray[Scalar], fill: float) -> npt.NDArray[Scalar]:
        """An image of the extent, north up, from one value a chip (n,) or one vector a chip (n, k) -> (k, H, W)."""
        return image_of(self.extent, self.chips, values, fill)

    @cached_property
    def _labels(self) -> Labels:
        return Labels.of(self.probabilities, self.legend)


@dataclass(frozen=True, eq=False)
class Labels:
    """The most probable class of chips: `codes` uint8 (n,), 0 where it is not known; `confidence` float32 (n,) or NaN."""

    codes: npt.NDArray[np.uint8]
    confidence: Float32

    @classmethod
    def of(cls, probabilities: Float32, legend: Legend) -> Labels:
        """The labels of probabilities (n, classes), NaN where a chip has none."""
        known, filled = np.isfinite(probabilities[:, 0]), np.nan_to_num(probabilities, nan=-1)
        best = np.asarray(legend.codes, np.uint8)[filled.argmax(axis=1)]
        confidence = np.where(known, filled.max(axis=1), np.nan).astype(np.float32)
        return cls(np.where(known, best, 0).astype(np.uint8), confidence)


@dataclass(frozen=True, eq=False)
class MapStrip:
    """What is written of the chips of one row of blocks.

    Attributes:
        chips: n chips.
        probabilities: float32 (n, classes), NaN where a chip has none.
        extra: further columns of the chip table, each (n,).
    """

    chips: ChipSet
    probabilities: Float32
    extra: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class MapFrame:
    """What is known of a map before its first strip: lattice, extent and classes."""

    grid: ChipGrid
    extent: CellRange
    legend: Legend

    @classmethod
    def of(cls, chips: Chips, legend: Legend) -> MapFrame:
        """The frame of a map of some chips."""
        return cls(chips.grid, chips.extent, legend)

    @property
    def north_up(self) -> Affine:
        """Transform of the rasters."""
        return self.grid.transform(self.extent, 1)

    @property
    def south_up(self) -> Affine:
        """Transform of the same lines counted from the south, in which strips come."""
        bounds = self.grid.bounds(self.extent)
        return Affine(self.grid.side, 0.0, bounds.west, 0.0, self.grid.side, bounds.south)


def write_map(folder: Path, frame: MapFrame, strips: Iterable[MapStrip]) -> tuple[ClassArea, ...]:
    """Write landuse.tif, probabilities.tif, landuse.geojson, chips.parquet and summary.csv; return the lines of the last.

    Args:
        folder: an empty folder.
        frame: lattice, extent and classes.
        strips: the chips in rows of blocks, from south to north; one is in memory at a time.

    Raises:
        LanduseError: a file cannot be written.
    """
    with ExitStack() as files:
        writer = MapWriter(folder, frame, files)
        for strip in strips:
            writer.write(strip)
        writer.end()
    lines = writer.totals.lines(frame.legend)
    write_summary(folder / SUMMARY, lines)
    return lines


class MapWriter:
    """The open files of a map. `MapWriter.write` says what of a strip goes where."""

    def __init__(self, folder: Path, frame: MapFrame, files: ExitStack) -> None:
        """Open the files; they are closed with `files`."""
        grid, shape = frame.grid, frame.extent.shape
        self._frame, self.totals = frame, Totals()
        names = frame.legend.names
        self._codes = files.enter_context(class_cog(folder / MAP, grid.crs, frame.north_up, shape, frame.legend))
        self._bands = files.enter_context(bands_cog(folder / PROBABILITIES, grid.crs, frame.north_up, shape, names))
        self._polygons = files.enter_context(geojson_writer(folder / POLYGONS))
        self._chips = files.enter_context(chip_writer(folder / CHIPS_FILE, frame.extent))
        self._dissolver = Dissolver(frame.south_up, grid.crs, frame.legend, shape[1])

    def write(self, strip: MapStrip) -> None:
        """Write a strip, which lies north of the one before."""
        frame, chips = self._frame, strip.chips
        labels = Labels.of(strip.probabilities, frame.legend)
        areas = cell_areas_ha(frame.grid, chips.rows, chips.cols)
        extent = frame.extent
        cells = CellRange(int(chips.rows.min()), int(chips.rows.max()) + 1, extent.col0, extent.col1)
        top, codes = extent.row1 - cells.row1, image_of(cells, chips, labels.codes, 0)
        self._codes.write(codes, top, 0)
        self._bands.write(image_of(cells, chips, strip.probabilities, np.nan), top, 0)
        ground = image_of(cells, chips, areas, np.nan)
        confidence = image_of(cells, chips, labels.confidence, np.nan)
        lines = MapLines(cells.row0 - extent.row0, codes[::-1], ground[::-1], confidence[::-1])
        for polygons in self._dissolver.add(lines):
            self._polygons.write(polygons)
        self._chips.write(chips, class_columns(labels, strip.probabilities, frame.legend) | dict(strip.extra))
        self.totals.add(labels.codes, areas)

    def end(self) -> None:
        """Write the polygons that reach the last line."""
        self._polygons.write(self._dissolver.end())


def image_of(cells: CellRange, chips: ChipSet, values: npt.NDArray[Scalar], fill: float) -> npt.NDArray[Scalar]:
    """An image of `cells`, north up, from one value a chip (n,) or one vector a chip (n, k) -> (k, H, W)."""
    lines, columns = cells.image_index(chips.rows, chips.cols)
    out = np.full((*values.shape[1:], *cells.shape), fill, values.dtype)
    out[..., lines, columns] = values.T
    return out


def class_columns(labels: Labels, probabilities: Float32, legend: Legend) -> dict[str, pa.Array]:
    """What classify adds to the chip table: class name (null where quarantined), confidence, a probability a class."""
    position = np.full(256, -1)
    position[list(legend.codes)] = np.arange(len(legend))
    columns = {"class": named_array(legend.names, position[labels.codes]), "confidence": arrow_array(labels.confidence)}
    return columns | {f"p_{name}": arrow_array(probabilities[:, i]) for i, name in enumerate(legend.names)}
