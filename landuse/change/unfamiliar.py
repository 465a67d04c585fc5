"""Which cells of a map lie on ground that its model has hardly seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from affine import Affine

from landuse.chips import CHIPS_FILE, read_columns
from landuse.grid import ChipGrid
from landuse.models.novelty import FLAG
from landuse.outputs.unfamiliar import NOVELTY, NOVELTY_FILE


def unfamiliar_cells(
    folder: Path, grid: ChipGrid, transform: Affine, shape: tuple[int, ...]
) -> npt.NDArray[np.bool_] | None:
    """Flagged cells of a folder of classify, bool `shape` (H, W); None where its model does not know what it learnt from.

    Args:
        folder: the folder.
        grid: its lattice.
        transform: of the map's raster, whose pixels are cells of the lattice.
        shape: (H, W) of that raster.

    Raises:
        ChipTableError: the chip table is damaged.
    """
    if not ((folder / NOVELTY_FILE).is_file() and (folder / CHIPS_FILE).is_file()):
        return None
    table = read_columns(folder, ["row", "col", NOVELTY])
    rows, cols, novelty = (table[name].to_numpy() for name in ("row", "col", NOVELTY))
    lines = round(transform.f / grid.side) - 1 - rows  # lattice rows grow northwards
    columns = cols - round(transform.c / grid.side)
    chosen = (novelty >= FLAG) & (lines >= 0) & (lines < shape[0]) & (columns >= 0) & (columns < shape[1])
    found = np.zeros(shape, bool)
    found[lines[chosen], columns[chosen]] = True
    return found
