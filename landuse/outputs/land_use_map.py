"""A land-use map as `classify` wrote it, and what Python reads of it again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from landuse.chips import ChipSet, read_chips, read_columns
from landuse.chips.table_file import numbers_of
from landuse.errors import ConfigError
from landuse.grid import CellRange
from landuse.legend import CodeArray, Legend
from landuse.outputs.record import THRESHOLDS, RunRecord, read_record

Float32 = npt.NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class LandUseMap:
    """The folder of a land-use map. Nothing is read until it is asked for, and then once.

    Attributes:
        folder: what `classify` wrote.
        probabilities: float32 (n, classes), calibrated; NaN where a chip was quarantined.
        known: bool (n,), which chips have an answer.
        codes: (n,), the most probable class; 0 where quarantined.
        confidence: float32 (n,), its probability; NaN where quarantined.
        extent: the smallest range of cells that holds every chip.
        thresholds: float32 (classes,), from which a model of several labels gives each class; None of a map of one class a
            chip, which alone has a raster of codes.
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
    def thresholds(self) -> Float32 | None:
        """The probability from which each class was given, float32 (classes,); None of a map of one class a chip."""
        return thresholds_of(read_record(self.folder), self.legend)

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
    def codes(self) -> CodeArray:
        """Class code of every chip, (n,)."""
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
