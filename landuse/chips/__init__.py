"""The chip table: which places of the lattice a survey covers, with what imagery and, where known, what class."""

from landuse.chips.chipset import Chips, ChipSet, SourceLists, block_slices, image_order
from landuse.chips.table import ChipTable, open_chips, read_chips, read_columns
from landuse.chips.table_file import CHIPS_FILE
from landuse.chips.writing import chip_writer, write_chips

__all__ = [
    "CHIPS_FILE",
    "ChipSet",
    "ChipTable",
    "Chips",
    "SourceLists",
    "block_slices",
    "chip_writer",
    "image_order",
    "open_chips",
    "read_chips",
    "read_columns",
    "write_chips",
]
