"""A land-use map on disk: every file of it, written from strips of chips, and what Python reads of it again."""

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

from landuse.chips import CHIPS_FILE, ChipSet, chip_writer, read_chips, read_columns
from landuse.chips.table_file import arrow_array, named_array, numbers_of
from landuse.errors import ConfigError
from landuse.grid import CellRange, ChipGrid
from landuse.legend import CodeArray, Legend
from landuse.models.learnt_features import to_bytes
from landuse.outputs.areas import boxes_of_chips, cell_areas_ha, share_of_area
from landuse.outputs.categories import ClassArea, CodeTotals, class_areas, summary_table, write_summary
from landuse.outputs.cog import BlockWriter, CodeWriter, Place, bands_cog, class_cog, components_cog
from landuse.outputs.districts import DISTRICTS_TABLE, Districts, DistrictTotals, write_class_districts
from landuse.outputs.record import RECORD, THRESHOLDS, RunRecord, read_record
from landuse.outputs.styles import LAND_USE, write_land_use_styles
from landuse.outputs.tables import TABLES, write_workbook
from landuse.outputs.vector_formats import DEFAULT_FORMATS, Layer, areas_writer
from landuse.outputs.vectors import Dissolver, MapLines

Float32 = npt.NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class LandUseMap:
    """The folder of a land-use map. Nothing is read until it is asked for, and then once."""

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
    def thresholds(self) -> Float32 | None:
        """From which probability each class was given, float32 (classes,); None of one class a chip, which has a raster."""
        return thresholds_of(read_record(self.folder), self.legend)

    @cached_property
    def probabilities(self) -> Float32:
        """Calibrated probabilities, float32 (n, classes); NaN where a chip was quarantined."""
        table = read_columns(self.folder, [f"p_{name}" for name in self.legend.names])
        return np.stack([numbers_of(column) for column in table.columns], axis=1)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which chips have an answer, bool (n,)."""
        return self._labels.codes > 0

    @property
    def codes(self) -> CodeArray:
        """Code of the most probable class of every chip, (n,); 0 where quarantined."""
        return self._labels.codes

    @property
    def confidence(self) -> Float32:
        """Probability of that class, float32 (n,); NaN where quarantined."""
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
    """The most probable class of chips: `codes` (n,), 0 where it is not known; `confidence` float32 (n,) or NaN."""

    codes: CodeArray
    confidence: Float32

    @classmethod
    def of(cls, probabilities: Float32, legend: Legend) -> Labels:
        """The labels of probabilities (n, classes), NaN where a chip has none."""
        known, filled = np.isfinite(probabilities[:, 0]), np.nan_to_num(probabilities, nan=-1)
        best = legend.as_codes(filled.argmax(axis=1))
        confidence = np.where(known, filled.max(axis=1), np.nan).astype(np.float32)
        return cls(np.where(known, best, 0).astype(legend.dtype), confidence)


def thresholds_of(record: RunRecord, legend: Legend) -> Float32 | None:
    """What a record says of the thresholds of a model of several labels, float32 (classes,); None of one class a chip.

    Raises:
        ConfigError: they are no probabilities, or not those of the legend.
    """
    said = record.details.get(THRESHOLDS)
    if said is None:
        return None
    if not isinstance(said, dict) or list(said) != list(legend.names):
        raise ConfigError("The thresholds in a run.json are not those of its classes; classify the survey again.")
    if not all(isinstance(value, int | float) and 0 <= value <= 1 for value in said.values()):
        raise ConfigError("The thresholds in a run.json are no probabilities; classify the survey again.")
    return np.array(list(said.values()), np.float32)


def image_of(cells: CellRange, chips: ChipSet, values: npt.NDArray[Scalar], fill: float) -> npt.NDArray[Scalar]:
    """An image of `cells`, north up, from one value a chip (n,) or one vector a chip (n, k) -> (k, H, W)."""
    lines, columns = cells.image_index(chips.rows, chips.cols)
    out = np.full((*values.shape[1:], *cells.shape), fill, values.dtype)
    out[..., lines, columns] = values.T
    return out


MAP, PROBABILITIES, COMPONENTS = "landuse.tif", "probabilities.tif", "components.tif"
SUMMARY = "summary.csv"
READ_OF_MAPS = (MAP, PROBABILITIES, COMPONENTS, CHIPS_FILE, RECORD)
"""The files of a map that other commands read, and name among their inputs."""


@dataclass(frozen=True, eq=False)
class MapStrip:
    """What is written of the chips of one row of blocks.

    Attributes:
        chips: n chips.
        probabilities: float32 (n, classes), NaN where a chip has none.
        components: float32 (n, M), principal components of the network's features; NaN likewise.
    """

    chips: ChipSet
    probabilities: Float32
    components: Float32 | None = None


@dataclass(frozen=True, eq=False)
class MapFrame:
    """What is known of a map before its first strip.

    Attributes:
        grid, extent: lattice, and the cells of it that the rasters cover.
        thresholds: of several labels a chip, from which probability each class is given, (classes,).
        formats: in which formats the polygons are written, of `landuse.outputs.vector_formats.FORMATS`.
        components: number of principal components a chip; without any, there is no file of them.
    """

    grid: ChipGrid
    extent: CellRange
    legend: Legend
    thresholds: Float32 | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = DEFAULT_FORMATS
    districts: Districts | None = None
    components: int = 0

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
    """Write rasters, polygons, chips.parquet, tables and styles; return the lines of summary.csv.

    Of several labels a chip there is no landuse.tif, polygons of different classes overlap, and shares add up to what they may.

    Args:
        strips: the chips in rows of blocks, from south to north; one is in memory at a time.

    Raises:
        LanduseError: a file cannot be written.
    """
    with ExitStack() as files:
        writer = MapWriter(folder, frame, files)
        for strip in strips:
            writer.write(strip)
        writer.end()
    lines = class_areas(writer.totals, frame.legend, writer.mapped_ha)
    write_summary(folder / SUMMARY, lines)
    sheets = {"summary": summary_table(lines)}
    if writer.by_district is not None:
        several = frame.thresholds is not None
        sheets[DISTRICTS_TABLE] = write_class_districts(folder, writer.by_district, frame.legend, overlapping=several)
    write_workbook(folder / TABLES, sheets)
    write_land_use_styles(folder, frame.legend)
    return lines


class MapWriter:
    """The open files of a map. `MapWriter.write` says what of a strip goes where."""

    def __init__(self, folder: Path, frame: MapFrame, files: ExitStack) -> None:
        """Open the files; they are closed with `files`."""
        grid, shape = frame.grid, frame.extent.shape
        self._frame, self.totals, self.mapped_ha = frame, CodeTotals(max(frame.legend.codes)), 0.0
        self.by_district = None if frame.districts is None else DistrictTotals(frame.districts)
        names, layers = frame.legend.names, 1
        self._codes: CodeWriter | None = None
        place = Place(grid.crs, frame.north_up, shape)
        if frame.thresholds is None:
            self._codes = files.enter_context(class_cog(folder / MAP, place, frame.legend, frame.tags))
        else:
            layers = len(names)
        self._bands = files.enter_context(bands_cog(folder / PROBABILITIES, place, names, frame.tags))
        self._components: BlockWriter | None = None
        if frame.components:
            self._components = files.enter_context(components_cog(folder / COMPONENTS, place, frame.components))
        layer = Layer(LAND_USE, grid.crs, grid.chip_m)
        self._polygons = files.enter_context(areas_writer(folder, layer, frame.formats))
        self._chips = files.enter_context(chip_writer(folder / CHIPS_FILE, frame.extent))
        self._dissolvers = [Dissolver(frame.south_up, grid.crs, frame.legend, shape[1]) for _ in range(layers)]

    def write(self, strip: MapStrip) -> None:
        """Write a strip, which lies north of the one before."""
        frame, chips, extent = self._frame, strip.chips, self._frame.extent
        seen = cell_areas_ha(frame.grid, chips.rows, chips.cols) * chips.valid
        areas = seen * share_of_area(chips)
        cells = CellRange(int(chips.rows.min()), int(chips.rows.max()) + 1, extent.col0, extent.col1)
        ground, first = image_of(cells, chips, areas, np.nan)[::-1], cells.row0 - extent.row0
        columns, layers = layers_of(strip.probabilities, frame)
        for layer, dissolver in zip(layers, self._dissolvers, strict=True):
            codes = image_of(cells, chips, layer.codes, 0)
            if self._codes is not None:
                self._codes.write(codes, extent.row1 - cells.row1, 0, ground[::-1])
            confidence = image_of(cells, chips, layer.confidence, np.nan)[::-1]
            for polygons in dissolver.add(MapLines(first, codes[::-1], ground, confidence)):
                self._polygons.write(polygons)
            self.totals.add(layer.codes, areas)
            if self.by_district is not None:
                self.by_district.add(boxes_of_chips(chips), layer.codes, seen)
        top = extent.row1 - cells.row1
        self._bands.write(image_of(cells, chips, strip.probabilities, np.nan), top, 0)
        if self._components is not None and strip.components is not None:
            self._components.write(image_of(cells, chips, to_bytes(strip.components), 0), top, 0)
        self._chips.write(chips, columns)
        self.mapped_ha += float(areas[np.isfinite(strip.probabilities[:, 0])].sum())

    def end(self) -> None:
        """Write the polygons that reach the last line."""
        for dissolver in self._dissolvers:
            self._polygons.write(dissolver.end())


def layers_of(probabilities: Float32, frame: MapFrame) -> tuple[dict[str, pa.Array], list[Labels]]:
    """What is added to the chip table, and what is drawn: the class of each chip, or each class where it is given."""
    if frame.thresholds is None:
        labels = Labels.of(probabilities, frame.legend)
        return class_columns(labels, probabilities, frame.legend), [labels]
    given = np.asarray(probabilities >= frame.thresholds)  # NaN is not
    layers = [
        Labels(np.where(given[:, k], code, 0).astype(frame.legend.dtype), probabilities[:, k])
        for k, code in enumerate(frame.legend.codes)
    ]
    return several_columns(given, probabilities, frame.legend), layers


def class_columns(labels: Labels, probabilities: Float32, legend: Legend) -> dict[str, pa.Array]:
    """What classify adds to the chip table: class name (null where quarantined), confidence, a probability a class."""
    names = named_array(legend.names, legend.positions(labels.codes))
    columns = {"class": names, "confidence": arrow_array(labels.confidence)}
    return columns | {f"p_{name}": arrow_array(probabilities[:, i]) for i, name in enumerate(legend.names)}


def several_columns(given: npt.NDArray[np.bool_], probabilities: Float32, legend: Legend) -> dict[str, pa.Array]:
    """What classify adds for a model of several labels: class names (null where quarantined), a probability a class."""
    known = np.isfinite(probabilities[:, 0])
    offsets = np.concatenate([[0], np.cumsum(given.sum(axis=1))]).astype(np.int32)
    bitmap = pa.py_buffer(np.packbits(known, bitorder="little"))
    names = named_array(legend.names, np.nonzero(given)[1])
    lists = pa.Array.from_buffers(pa.list_(pa.string()), len(known), [bitmap, pa.py_buffer(offsets)], children=[names])
    return {"classes": lists} | {f"p_{name}": arrow_array(probabilities[:, i]) for i, name in enumerate(legend.names)}
