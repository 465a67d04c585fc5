"""The chip table: which places of the lattice a survey covers, with what imagery and, where known, what class."""

from landuse.chips.chipset import ChipSet, SourceLists, block_slices, image_order
from landuse.chips.reading import read_chips, read_columns
from landuse.chips.writing import CHIPS_FILE, write_chips

__all__ = [
    "CHIPS_FILE",
    "ChipSet",
    "SourceLists",
    "block_slices",
    "image_order",
    "read_chips",
    "read_columns",
    "write_chips",
]
