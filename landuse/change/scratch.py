"""What is said of every cell of a comparison, on disk between the passes over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from landuse.grid import IntArray

NOTHING, COMPARED = 0, 1
"""States of a cell that the maps do not both know, and of one that shows no change worth listing."""
PLAIN = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": 256,
    "blockysize": 16,
    "BIGTIFF": "IF_SAFER",
    "SPARSE_OK": "TRUE",
}
States = npt.NDArray[np.uint16]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Kinds:
    """The numbers of changes among K classes: those that are confirmed, then those that are merely possible."""

    classes: int

    def confirmed(self, pairs: IntArray) -> States:
        """States of confirmed changes between positions (..., 2) in the legend."""
        return np.asarray(2 + pairs[..., 0] * self.classes + pairs[..., 1], np.uint16)

    def possible(self, pairs: IntArray) -> States:
        """States of possible changes."""
        return np.asarray(self.confirmed(pairs) + self.classes**2, np.uint16)

    def is_confirmed(self, states: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Which states are those of confirmed changes."""
        return np.asarray((states > COMPARED) & (states < 2 + self.classes**2))

    def pairs(self, states: npt.NDArray[np.integer]) -> IntArray:
        """Positions (..., 2) in the legend of changes."""
        number = (states.astype(np.int64) - 2) % self.classes**2
        return np.stack(np.divmod(number, self.classes), axis=-1)


@dataclass(frozen=True, eq=False)
class CellScratch:
    """(H, W) cells: the state of each, and two probabilities: of the change that its labels name, and of its likeliest one."""

    shape: tuple[int, int]
    kinds: Kinds
    dataset: tuple[DatasetWriter, DatasetWriter]

    def write(self, corner: tuple[int, int], states: States, named: Float32, moved: Float32) -> None:
        """Write a window, (h, w) each, whose north-west cell is `corner`."""
        window = Window(corner[1], corner[0], states.shape[1], states.shape[0])
        self.dataset[0].write(states, 1, window=window)
        self.dataset[1].write(np.stack([named, moved]), window=window)

    def states(self, rows: slice) -> States:
        """The states of some lines, (h, W)."""
        states: States = self.dataset[0].read(1, window=self._window(rows))
        return states

    def set_states(self, rows: slice, states: States) -> None:
        """Write the states of some lines anew."""
        self.dataset[0].write(states, 1, window=self._window(rows))

    def probability(self, rows: slice, states: States) -> Float32:
        """Probability (h, W) of the change that the states of some lines name; NaN where it is not known."""
        named, moved = self.dataset[1].read(window=self._window(rows))
        return np.asarray(np.where(self.kinds.is_confirmed(states), named, moved), np.float32)

    def _window(self, rows: slice) -> Window:
        return Window(0, rows.start, self.shape[1], rows.stop - rows.start)


@contextmanager
def cell_scratch(folder: Path, shape: tuple[int, int], classes: int) -> Iterator[CellScratch]:
    """Yield a scratch of cells in a folder, from which it is gone afterwards."""
    paths = [folder / f".{name}.scratch.tif" for name in ("states", "probabilities")]
    profile: dict[str, Any] = PLAIN | {"height": shape[0], "width": shape[1]}
    try:
        with ExitStack() as files:
            with catch_warnings(action="ignore", category=NotGeoreferencedWarning):  # it is nowhere on Earth
                states, probabilities = (
                    files.enter_context(rasterio.open(path, "w+", count=count, dtype=dtype, **profile))
                    for path, count, dtype in zip(paths, (1, 2), ("uint16", "float32"), strict=True)
                )
            yield CellScratch(shape, Kinds(classes), (states, probabilities))
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
