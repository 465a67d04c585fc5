"""One block: runs of neighbours, strips cut into chips, ground without imagery, chips that cannot be read."""

from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from landuse.chips import image_order
from landuse.engine import runner
from landuse.engine.parts import PartStore
from landuse.engine.runner import SharedFile
from landuse.errors import DamagedSourceError
from landuse.mosaic import MosaicReader, Pixels
from landuse.scoring.block import BATCH, EMPTY, BlockTask, ChipStream, ScoreJob, runs_of, score_block, split_row
from landuse.stages.survey import survey_chips
from tests.patchwork import patchwork


@given(st.sets(st.tuples(st.integers(-3, 3), st.integers(-6, 6))))
def test_runs_are_neighbours_in_one_row_and_cover_every_chip(cells):
    rows, cols = (np.array([c[i] for c in cells], np.int64) for i in (0, 1))
    order = image_order(rows, cols)
    rows, cols = rows[order], cols[order]
    runs = runs_of(rows, cols)
    assert [i for run in runs for i in range(run.start, run.stop)] == list(range(len(rows)))
    for run in runs:
        assert len(set(rows[run].tolist())) == 1
        assert (np.diff(cols[run]) == 1).all()


def test_a_strip_is_cut_into_its_chips():
    data = np.arange(2 * 6 * 3, dtype=np.uint8).reshape(2, 6, 3)
    chips = split_row(Pixels(data, np.ones((2, 6), bool)))
    assert chips.shape == (3, 2, 2, 3)
    assert all(np.array_equal(chips[i], data[:, 2 * i : 2 * i + 2]) for i in range(3))


def test_ground_without_imagery_mirrors_its_own_chip():
    data = np.zeros((2, 4, 1), np.uint8)
    data[:, :2], data[0, 2], data[1, 2] = 50, 100, 200
    valid = np.array([[True, True, True, False], [True, True, True, False]])
    first, second = split_row(Pixels(data, valid))[..., 0]
    assert (first == 50).all()
    assert second.tolist() == [[100, 100], [200, 200]]


def job_of(tmp_path, chips):
    return ScoreJob(
        grid=chips.grid, model=SharedFile(str(tmp_path / "small.landuse")),
        runtime="openvino", precision="f32", threads=1, parts=str(tmp_path / "parts"), features=True,
    )  # fmt: skip


def block_of(chips, number=0):
    block, where = chips.blocks()[number]
    return BlockTask.of(block, "key", (chips.rows[where], chips.cols[where]), chips.survey)


def test_a_block_becomes_a_part(tmp_path):
    made = patchwork(tmp_path)
    chips = survey_chips(made.survey, made.tile_options())
    task = block_of(chips)
    report = score_block(job_of(tmp_path, chips), task)
    part = PartStore(str(tmp_path / "parts")).read("key")
    assert report.chips == part.num_rows == task.chips
    assert part["row"].to_pylist() == task.cells()[0].tolist()
    probabilities = np.array(part["probabilities"].to_pylist())
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert len(part["features"][0].as_py()) == 6


def test_batches_are_full_but_the_last(tmp_path):
    made = patchwork(tmp_path, cols=6)
    chips = survey_chips(made.survey, made.tile_options())
    stream = ChipStream(job_of(tmp_path, chips), block_of(chips))
    sizes = [len(batch) for batch in stream]
    assert set(sizes[:-1]) <= {BATCH}
    assert 0 < sizes[-1] <= BATCH
    assert sum(sizes) == len(stream.read) == len(stream.rows)


def test_a_chip_that_cannot_be_read_is_quarantined_and_the_others_are_right(tmp_path):
    made = patchwork(tmp_path)
    chips = survey_chips(made.survey, made.tile_options())
    task = block_of(chips, 2)
    whole = score_block(job_of(tmp_path, chips), task)
    before = PartStore(str(tmp_path / "parts")).read(whole.key).to_pandas()
    truncated = made.survey[0].read_bytes()
    made.survey[0].write_bytes(truncated[: len(truncated) // 2])
    report = score_block(job_of(tmp_path, chips), task)
    after = PartStore(str(tmp_path / "parts")).read(report.key).to_pandas()
    assert report.key != whole.key
    assert 0 < len(report.quarantined) < task.chips
    assert len(after) + len(report.quarantined) == len(before)
    assert all("part0.tif" in q.cause and "\n" not in q.cause for q in report.quarantined)
    merged = before.merge(after, on=["row", "col"], suffixes=("", "_after"))
    assert len(merged) == len(after)
    assert np.allclose(np.stack(merged["probabilities"]), np.stack(merged["probabilities_after"]), atol=1e-6)


class Flaky:
    """Reads of a survey that fail so many times."""

    def __init__(self, times):
        self.times, self._real = times, MosaicReader.read

    def read(self, reader, cells):
        self.times -= 1
        if self.times >= 0:
            raise DamagedSourceError("part0.tif is damaged: row 3 cannot be read")
        return self._real(reader, cells)


@pytest.mark.parametrize(("times", "lost"), [(1, 0), (3, 0), (4, 1)])
def test_a_chip_is_tried_again_after_some_waiting_before_it_is_given_up(tmp_path, monkeypatch, times, lost):
    """The read of a row of chips, then those of its first chip."""
    made = patchwork(tmp_path)
    chips = survey_chips(made.survey, made.tile_options())
    waits, flaky = [], Flaky(times)
    monkeypatch.setattr(runner, "time", SimpleNamespace(sleep=waits.append))  # threads of others sleep too
    monkeypatch.setattr(MosaicReader, "read", lambda reader, cells: flaky.read(reader, cells))
    report = score_block(job_of(tmp_path, chips), block_of(chips))
    assert len(report.quarantined) == lost
    assert waits == list(runner.HERE_S[: times - 1])


def test_a_chip_without_a_pixel_is_quarantined_whatever_its_outline_says(tmp_path):
    """A raster whose chips were found and that has since become empty: black is no land use."""
    made = patchwork(tmp_path, rows=2, cols=4, halves=1)
    with rasterio.open(made.survey[0], "r+") as image:
        image.nodata = 0
    chips = survey_chips(made.survey, made.tile_options())
    with rasterio.open(made.survey[0], "r+") as image:
        data = image.read()
        data[:, :32, 32:64] = 0
        image.write(data)
    task = block_of(chips)
    report = score_block(job_of(tmp_path, chips), task)
    assert report.chips == task.chips - 1
    (lost,) = report.quarantined
    assert lost.cause == EMPTY
    assert lost.chip_id == f"r{task.cells()[0].max()}c{task.cells()[1].min() + 1}"
