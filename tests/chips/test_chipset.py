import pickle
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landuse.chips import ChipSet, SourceLists, block_slices, image_order
from landuse.errors import UsageError
from landuse.grid import Block, Cell, CellRange
from landuse.legend import load_legend
from tests.made import chip_set

LEGEND = load_legend("nlcd6")
cells = st.sets(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), max_size=80)


@given(cells)
def test_blocks_hold_every_cell_once_in_image_order(found):
    rows = np.array([row for row, _ in found], np.int64)
    cols = np.array([col for _, col in found], np.int64)
    order = image_order(rows, cols)
    rows, cols = rows[order], cols[order]
    blocks = block_slices(rows, cols)
    assert [block for block, _ in blocks] == sorted({Block.of(Cell(*cell)) for cell in found})
    seen = []
    for block, part in blocks:
        here = [Cell(*cell) for cell in zip(rows[part].tolist(), cols[part].tolist(), strict=True)]
        assert here == [cell for cell in block.cells if (cell.row, cell.col) in found]
        seen += here
    assert len(seen) == len(found)


@given(cells, st.integers(0, 2**32))
def test_order_does_not_depend_on_where_the_cells_come_from(found, seed):
    pairs = np.array(sorted(found), np.int64).reshape(-1, 2)
    mixed = np.random.default_rng(seed).permutation(pairs)
    one, other = (p[image_order(p[:, 0], p[:, 1])] for p in (pairs, mixed))
    assert (one == other).all()


def test_a_chip_set_refuses_disorder_and_doubles():
    chips = chip_set()
    back = slice(None, None, -1)
    with pytest.raises(UsageError, match="order"):
        replace(chips, rows=chips.rows[back], cols=chips.cols[back])
    with pytest.raises(UsageError, match="twice"):
        chips.take(np.array([0, 0, 1]))
    with pytest.raises(UsageError, match="one value a chip"):
        replace(chips, valid=chips.valid[1:])
    with pytest.raises(UsageError, match="legend"):
        replace(chips, labels=np.full(len(chips), 3, np.uint8))
    with pytest.raises(UsageError, match="legend"):
        replace(chips, labels=np.full(len(chips), 77, np.uint8), legend=LEGEND)


def test_subset_keeps_every_column_of_the_chosen():
    chips = chip_set(legend=LEGEND)
    mask = np.random.default_rng(1).random(len(chips)) < 0.3
    part = chips.subset(mask)
    places = np.flatnonzero(mask)
    assert len(part) == len(places)
    assert part.ids.tolist() == chips.ids[places].tolist()
    for name in ("valid", "labels", "purity", "shares"):
        assert (getattr(part, name) == getattr(chips, name)[places]).all()
    assert [part.source_names(i) for i in range(len(part))] == [chips.source_names(i) for i in places.tolist()]


def test_an_empty_subset_is_a_chip_set():
    chips = chip_set(legend=LEGEND)
    part = chips.subset(np.zeros(len(chips), bool))
    assert (len(part), part.blocks(), len(part.sources)) == (0, [], 0)


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=12), st.data())
def test_source_lists_are_lists(lists, data):
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    sources = SourceLists(offsets, np.array(list(chain.from_iterable(lists)), np.int32))
    assert [sources[i].tolist() for i in range(len(sources))] == lists
    chosen = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=12)) if lists else []
    taken = sources.take(np.array(chosen, np.int64))
    assert [taken[i].tolist() for i in range(len(taken))] == [lists[i] for i in chosen]


def test_source_lists_refuse_offsets_that_do_not_fit():
    with pytest.raises(UsageError):
        SourceLists(np.array([0, 3]), np.array([1, 2], np.int32))
    with pytest.raises(UsageError):
        SourceLists(np.array([0, 2, 1, 2]), np.array([1, 2], np.int32))


def test_a_chip_set_survives_pickling():
    chips = chip_set(CellRange(0, 3, 0, 3), legend=LEGEND)
    again: ChipSet = pickle.loads(pickle.dumps(chips))  # noqa: S301
    assert again.ids.tolist() == chips.ids.tolist()
    assert again.survey == chips.survey
    assert again.legend == chips.legend
