"""Pairs that a dense grid is aligned by: the features of chips by themselves, and of the same chips in their ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from landuse.chips import CHIPS_FILE, ChipSet, read_chips
from landuse.errors import LanduseError
from landuse.grid import CellRange
from landuse.models.arrays import Floats, Images
from landuse.models.backbone import FEWEST, fit_alignment
from landuse.models.bundle import Bundle
from landuse.models.dense import DenseShape, dense_shape
from landuse.mosaic import MosaicReader
from landuse.scoring.dense_cells import splits_of

PAIRS = 64
TRIED = 4
"""Chips looked at for each pair that is wanted; those at the edge of the imagery do not serve."""


def with_alignment(bundle: Bundle, data: Sequence[Path], seed: int) -> Bundle:
    """The model with an alignment that was measured on chips of the tables among its training data.

    Where there are none or too few, it keeps the one that came with its backbone, if any. Networks that cannot answer on a
    grid finer than chips are left as they are.
    """
    splits = splits_of(bundle)
    tables = [path for path in data if path.name == CHIPS_FILE or (path / CHIPS_FILE).is_file()]
    if not splits or not tables:
        return bundle
    chips = [read_chips(path) for path in tables]
    if sum(map(len, chips)) < FEWEST:
        return bundle
    shape = dense_shape(bundle.backbone, bundle.chip_px / splits[-1], bundle.name)
    wanted = -(-PAIRS // len(chips))
    windows = [w for table in chips for w in _windows(replace_px(table, bundle.chip_px), shape, wanted, seed)]
    found = fit_alignment(*_features(bundle, shape, windows)) if windows else None
    return bundle if found is None else replace(bundle, alignment=found)


def replace_px(chips: ChipSet, px: int) -> ChipSet:
    """Chips of so many pixels a side."""
    return replace(chips, grid=replace(chips.grid, chip_px=px))


def _windows(chips: ChipSet, shape: DenseShape, wanted: int, seed: int) -> Iterator[Images]:
    """Chips drawn at random, each with the context of a dense window around it, uint8 (H, H, bands); whole imagery only."""
    px = chips.grid.chip_px
    margin = min(shape.context * shape.cell_px, px)
    order = np.random.default_rng(seed).permutation(len(chips))[: TRIED * wanted]
    found = 0
    with MosaicReader(chips.survey, chips.grid) as reader:
        for row, col in zip(chips.rows[order].tolist(), chips.cols[order].tolist(), strict=True):
            if found == wanted:
                return
            try:
                pixels = reader.read(CellRange(row - 1, row + 2, col - 1, col + 2))
            except (LanduseError, OSError):
                continue
            inner = slice(px - margin, 2 * px + margin)
            if pixels.valid[inner, inner].all():
                found += 1
                yield np.ascontiguousarray(pixels.data[inner, inner])


def _features(bundle: Bundle, shape: DenseShape, windows: Sequence[Images]) -> tuple[Floats, Floats]:
    """Features (n, D) of the chips in the middle of windows (n, H, H, bands): as a dense grid has them, and by themselves."""
    from landuse.models.openvino_dense import OpenVinoDense

    px, step = bundle.chip_px, shape.cell_px // shape.step
    margin = (windows[0].shape[0] - px) // 2
    network = OpenVinoDense(replace(bundle, alignment=None), shape, "f32")
    whole = np.ones((shape.side, shape.side), bool)
    inner, middle = slice(margin, margin + px), slice(margin // step, margin // step + shape.side)
    dense = [m[:, middle, middle] for m in network.maps(iter(windows))]
    alone = list(network.maps(np.ascontiguousarray(w[inner, inner]) for w in windows))
    first, second = (
        np.concatenate([network.cells(np.ascontiguousarray(m), whole).features for m in maps])
        for maps in (dense, alone)
    )
    return first, second
