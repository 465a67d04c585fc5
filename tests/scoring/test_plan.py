"""What there is to do: every chip in one block, and a key that changes with all that shapes an answer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.errors import BandsError
from landuse.grid import Block, Cell, CellRange
from landuse.mosaic.source import BandAddress
from landuse.mosaic.survey import Recolouring
from landuse.outputs.record import FileIdentity
from landuse.scoring import plan as planning
from landuse.scoring.block import BlockTask
from landuse.scoring.plan import DENSE_BLOCK, ScoreSettings, check_bands, identify_sources, plan
from tests.made import chip_set, survey
from tests.models.small import backbone, bundle
from tests.scoring.dense_model import dense_bundle

MODEL = bundle()
CHIPS = chip_set(CellRange(-20, 5, -3, 30))


def inputs_of(chips, **digests):
    paths = {band.path for source in chips.survey.sources for band in source.bands}
    return {path: FileIdentity(path=path, size=1, modified=digests.get(path[-5], "same")) for path in paths}


def keys(chips=CHIPS, model=MODEL, inputs=None, **settings):
    tasks = plan(chips, model, ScoreSettings("m.landuse", **settings), inputs or inputs_of(chips))
    return {task.block: task.key for task in tasks}


@settings(max_examples=40)
@given(st.sets(st.tuples(st.integers(0, 15), st.integers(0, 15)), min_size=1))
def test_a_task_holds_its_cells_in_a_bit_each(cells):
    block = Block(-1, 2)
    rows, cols = (np.array([place[i] for place in cells], np.int64) for i in (0, 1))
    task = BlockTask.of(block, "key", (rows - 16, cols + 32), CHIPS.survey)
    assert task.chips == len(cells)
    assert len(task.mask) == 32
    order = [(cell.row + 16, cell.col - 32) for cell in block.cells]
    assert [place for place in order if place in cells] == list(
        zip(task.cells()[0] + 16, task.cells()[1] - 32, strict=True)
    )


@pytest.mark.parametrize("split", [1, 7])
def test_every_chip_is_in_one_task_and_tasks_run_from_south_to_north(split):
    tasks = list(
        plan(CHIPS, MODEL if split == 1 else dense_bundle(), ScoreSettings("m.landuse", split=split), inputs_of(CHIPS))
    )
    found = [(row, col) for task in tasks for row, col in zip(*task.cells(), strict=True)]
    assert sorted(found) == sorted(zip(CHIPS.rows.tolist(), CHIPS.cols.tolist(), strict=True))
    assert [task.block for task in tasks] == sorted(task.block for task in tasks)
    assert len({task.key for task in tasks}) == len(tasks)
    assert {task.block.span for task in tasks} == {16 if split == 1 else DENSE_BLOCK * split}


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "f32"},
        {"runtime": "tensorflow"},
        {"features": True},
        {"model": bundle(name="other")},
        {"model": bundle(backbone=backbone(1))},
        {"chips": replace(CHIPS, survey=replace(CHIPS.survey, bands=(3, 2, 1)))},
        {"chips": replace(CHIPS, survey=replace(CHIPS.survey, stretch=(0.0, 1.0)))},
        {"chips": replace(CHIPS, grid=replace(CHIPS.grid, chip_m=225.0))},
    ],
)
def test_every_key_changes_with_what_shapes_every_answer(change):
    plain, other = keys(), keys(**change)
    assert plain.keys() == other.keys()
    assert not set(plain.values()) & set(other.values())


def test_every_key_changes_with_the_package(monkeypatch):
    plain = keys()
    monkeypatch.setattr(planning, "__version__", "0.0.0")
    assert not set(plain.values()) & set(keys().values())


@pytest.mark.parametrize("change", [{"master": "local[2]"}, {"max_quarantined": 0.5}, {"task_timeout_s": 9}])
def test_no_key_changes_with_where_or_how_patiently_it_is_run(change):
    assert keys() == keys(**change)


def test_another_file_changes_the_blocks_it_touches_and_no_others():
    plain, other = keys(), keys(inputs=inputs_of(CHIPS, b="other"))
    touched = {
        Block.of(Cell(row, col))
        for i, (row, col) in enumerate(zip(CHIPS.rows.tolist(), CHIPS.cols.tolist(), strict=True))
        if 1 in CHIPS.sources[i]
    }
    assert {block for block, key in plain.items() if other[block] != key} == touched


def test_another_chip_changes_its_block_alone():
    fewer = CHIPS.take(np.arange(1, len(CHIPS)))
    plain, other = keys(), keys(fewer)
    gone = Block.of(Cell(int(CHIPS.rows[0]), int(CHIPS.cols[0])))
    assert {block for block, key in plain.items() if other.get(block) != key} == {gone}


def test_other_bands_than_the_models_are_refused_by_name():
    with pytest.raises(BandsError, match=r"reads 3 bands \(red, green, blue\).*gives 1; .*--bands"):
        check_bands(replace(CHIPS, survey=replace(CHIPS.survey, bands=(1,))), MODEL)
    check_bands(CHIPS, MODEL)


def test_a_file_of_several_bands_is_identified_once(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"pixels")
    sources = [replace(s, bands=tuple(BandAddress(str(path), b) for b in (1, 2, 3))) for s in survey().sources * 2]
    found = identify_sources(replace(CHIPS.survey, sources=tuple(sources)))
    assert list(found) == [str(path)]
    assert found[str(path)].size == 6


def test_other_colours_are_other_answers():
    flights = (0,) * len(CHIPS.survey.sources)
    dark, pale = (Recolouring((bytes([level] * 768),), flights) for level in (10, 200))
    assert len({tuple(keys(recolouring=found).values()) for found in (None, dark, pale)}) == 3
