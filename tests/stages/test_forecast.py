"""classify --dry-run: what it says is what a run then does, and it leaves nothing behind."""

from dataclasses import replace

import numpy as np
import pytest
from pyproj import CRS

from landuse.cli.main import run
from landuse.engine.runner import SharedFile
from landuse.errors import BandsError, OutputExistsError, UsageError
from landuse.grid import Block, ChipGrid
from landuse.legend import load_legend
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.scoring import plan as planning
from landuse.scoring import probe
from landuse.scoring import run as scoring
from landuse.scoring.block import BlockTask, ScoreJob
from landuse.scoring.features import FEATURES_FILE
from landuse.stages.classify import classify
from landuse.stages.forecast import START_S, WRITE_S, disk_bytes, forecast, size, touched_shares
from landuse.stages.survey import survey_chips
from tests.made import survey
from tests.models import small
from tests.patchwork import OPTIONS
from tests.scoring.dense_model import CELL, place


def options(work, **more):
    return ClassifyOptions(model=str(work.model), **OPTIONS, **more)


@pytest.fixture(scope="module")
def said(work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    result = forecast(work.survey, folder / "map", options(work))
    assert list(folder.iterdir()) == []
    return result


def test_it_counts_what_a_run_then_counts(work, said, tmp_path):
    _, record = classify(work.survey, tmp_path / "map", options(work))
    assert said.work.chips == said.work.todo_chips == record.counts["chips"]
    assert said.work.blocks == said.work.todo_blocks == record.counts["blocks_computed"]
    files = sum(p.stat().st_size for p in (tmp_path / "map").rglob("*") if p.name != "run.json")
    assert files < said.disk_bytes[1] + 20_000  # headers do not grow with the map
    assert said.disk_bytes[1] < said.disk_bytes[0] < said.free_bytes


def test_a_survey_that_is_read_whole_costs_its_files(work, said):
    assert said.read_bytes == pytest.approx(sum(p.stat().st_size for p in work.survey), rel=0.01)
    assert (said.files, said.unknown_files) == (2, 0)


def test_what_was_measured_is_plausible(said):
    rates = said.rates
    assert 20e6 < rates.probe.memory < 4e9
    assert 0 < rates.seconds_per_chip < 1
    run = rates.start_s + said.work.chips * rates.seconds_per_chip
    assert run < said.seconds == pytest.approx(run + START_S + said.look_s + said.work.chips * WRITE_S)
    assert replace(rates, at_once=8).seconds(100, 2) == pytest.approx(rates.start_s + 50 * rates.seconds_per_chip)
    assert rates.probe.precision == "f32"
    assert 12 < rates.probe.part_bytes / rates.probe.chips < 400


def test_a_small_part_of_the_chips_is_measured(work, monkeypatch, tmp_path):
    """Two tasks of a few chips, and never a Spark session for a run on this machine."""
    seen, real = [], scoring.score_block
    monkeypatch.setattr(probe, "cores", lambda: 2)
    monkeypatch.setattr(scoring, "score_block", lambda job, block: (seen.append(block.chips), real(job, block))[1])
    monkeypatch.setattr(probe, "open_runner", lambda *_, **__: pytest.fail("Spark was started"))
    found = forecast(work.survey, tmp_path / "map", options(work, master="local[2]"))
    assert seen == [8, 8]
    assert found.rates.probe.chips == 8
    assert found.rates.at_once == 2
    assert found.rates.start_s >= probe.WAKE_S


def test_only_what_lies_under_chips_is_read(work):
    chips = survey_chips(work.survey, TileOptions(**OPTIONS))
    west = chips.subset(chips.cols < chips.cols.min() + 6)
    shares = touched_shares(west)
    assert shares == {str(work.survey[0]): pytest.approx(0.5)}


def test_blocks_of_an_earlier_run_are_counted_as_done(work, tmp_path, monkeypatch):
    real, done = scoring.score_block, []

    def third_fails(job, block):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(block)
        return real(job, block)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(scoring, "score_block", third_fails)
        classify(work.survey, tmp_path / "map", options(work))
    found = forecast(work.survey, tmp_path / "map", options(work))
    assert found.work.blocks - found.work.todo_blocks == 2
    assert found.work.todo_chips == found.work.chips - sum(block.chips for block in done)
    assert "2 blocks of an earlier run" in "\n".join(found.lines())
    again = forecast(work.survey, tmp_path / "map", options(work, fresh=True))
    assert again.work.todo_blocks == again.work.blocks


@pytest.mark.spark
def test_on_a_cluster_a_worker_is_measured(work, said, tmp_path, spark, monkeypatch):
    monkeypatch.setattr(probe, "is_local", lambda master: False)
    found = forecast(work.survey, tmp_path / "map", options(work, master="local[2]"))
    assert found.rates.at_once == 2
    assert 20e6 < found.rates.probe.memory < 4e9
    assert found.work == said.work
    assert list(tmp_path.iterdir()) == []


def test_what_classify_would_refuse_is_refused(work, tmp_path):
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "mine.txt").write_text("x")
    with pytest.raises(OutputExistsError):
        forecast(work.survey, tmp_path / "map", options(work))
    with pytest.raises(BandsError):
        wrong = options(work).changed(**OPTIONS, bands=(1, 2))
        forecast(work.survey, tmp_path / "other", wrong)


def test_the_flag_prints_it_and_writes_nothing(work, tmp_path, capsys):
    flags = ["--model", str(work.model), "--chip-size", "32", "--master", "inline", "--dry-run"]
    assert run(["classify", *map(str, work.survey), "--out", str(tmp_path / "map"), *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["chips", "reused", "reads", "time", "memory", "disk"]
    assert lines[0] == "chips    480 in 4 blocks"
    assert list(tmp_path.iterdir()) == []


def tasks_of(survey, *counts):
    for number, cells in enumerate(counts):
        rows, cols = Block(0, number).cells.arrays()
        yield BlockTask.of(Block(0, number), str(number), (rows[:cells], cols[:cells]), survey)


def test_a_full_block_is_probed():
    tasks = list(tasks_of(survey(), 256, 10, 256, 256, 3))
    assert probe.typical(tasks).key == "2"
    assert probe.typical(tasks[1:2]).key == "1"
    some = probe.reduced(tasks[2], 20, 1)
    assert (some.chips, some.block, some.survey) == (20, tasks[2].block, tasks[2].survey)
    assert np.array_equal(some.cells()[1], tasks[2].cells()[1][:20])


@pytest.mark.parametrize(
    ("blocks", "threads", "probed"),
    [(1, 2, [8, 8]), (8, 2, [8, 32]), (8, 3, [12, 24]), (100, 2, [8, 256]), (1, 16, [64, 64]), (1, 0, [4, 8])],
)
def test_threads_are_warmed_and_timed_by_whole_rounds_of_requests(blocks, threads, probed):
    settings = planning.ScoreSettings("m.landuse")
    orders = probe.orders_of(list(tasks_of(survey(), *[256] * blocks)), settings, threads)
    assert [order.chips for order in orders] == probed


def test_room_grows_with_the_map(work):
    chips = survey_chips(work.survey, TileOptions(**OPTIONS))
    few, many = small.bundle(), replace(small.bundle(), legend=load_legend("ucmerced21"))
    less, more = disk_bytes(chips, few, None), disk_bytes(chips, many, None)
    assert more[0] > less[0] > less[1] > 480 * 12
    kept = disk_bytes(chips, few, None, features=True)
    assert kept[1] - less[1] == 480 * 2 * few.head.feature_count


def test_sizes_are_said_in_fitting_units():
    assert [size(n) for n in (900, 2.5e6, 3.1e9, 4e12)] == ["1 kB", "2 MB", "3.1 GB", "4.0 TB"]


def folder_bytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.name != "run.json")


@pytest.mark.parametrize("hole", [False, True])
def test_a_dense_run_is_foretold(tmp_path, monkeypatch, hole):
    monkeypatch.setattr(planning, "DENSE_BLOCK", 16)
    here = place(tmp_path, rows=18, cols=21, hole=hole)
    how = ClassifyOptions(model=str(here.model), **here.lattice, cell=CELL)
    said = forecast([here.survey], tmp_path / "map", how)
    assert not list(tmp_path.glob("*map*"))
    _, record = classify([here.survey], tmp_path / "map", how)
    assert said.work.chips == said.work.todo_chips == record.counts["chips"]
    assert (record.counts["chips"] < 18 * 21 * 49) == hole
    assert said.work.blocks == record.counts["blocks_computed"]
    assert said.read_bytes == pytest.approx(here.survey.stat().st_size, rel=0.05)
    assert folder_bytes(tmp_path / "map") < said.disk_bytes[1] + 20_000
    assert said.rates.seconds_per_chip < 0.01


def test_a_dense_run_that_goes_on_is_foretold(tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "DENSE_BLOCK", 16)
    here = place(tmp_path, rows=4, cols=36)
    how = ClassifyOptions(model=str(here.model), **here.lattice, cell=CELL)
    real, done = scoring.score_task, []

    def second_fails(job, task):
        if done:
            raise KeyboardInterrupt
        done.append(task)
        return real(job, task)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(scoring, "score_task", second_fails)
        classify([here.survey], tmp_path / "map", how)
    said = forecast([here.survey], tmp_path / "map", how)
    assert said.work.blocks - said.work.todo_blocks == 1
    _, record = classify([here.survey], tmp_path / "map", how)
    assert record.counts["blocks_reused"] == 1
    assert record.counts["blocks_computed"] == said.work.todo_blocks
    assert said.work.todo_chips == said.work.chips - done[0].chips


def test_features_that_will_be_kept_need_room(work, tmp_path):
    kept, plain = (forecast(work.survey, tmp_path / "map", options(work, keep_features=keep)) for keep in (True, False))
    classify(work.survey, tmp_path / "map", options(work, keep_features=True))
    assert folder_bytes(tmp_path / "map") < kept.disk_bytes[1] + 20_000
    assert kept.disk_bytes[1] - plain.disk_bytes[1] == 480 * 2 * small.bundle().head.feature_count
    assert kept.rates.probe.part_bytes > plain.rates.probe.part_bytes


def test_features_that_were_kept_stand_for_imagery(work, tmp_path):
    classify(work.survey, tmp_path / "kept", options(work, keep_features=True))
    said = forecast([tmp_path / "kept"], tmp_path / "map", options(work))
    assert said.work.chips == 480
    assert said.work.todo_chips == said.work.todo_blocks == 0
    assert (said.files, said.read_bytes) == (1, (tmp_path / "kept" / FEATURES_FILE).stat().st_size)
    assert said.rates is None
    assert 0 < said.seconds < 10
    lines = "\n".join(said.lines())
    assert "no imagery is read" in lines
    _, record = classify([tmp_path / "kept"], tmp_path / "map", options(work))
    assert record.counts["blocks_computed"] == 0
    with pytest.raises(UsageError, match="Features are kept of chips"):
        forecast([tmp_path / "kept"], tmp_path / "cells", options(work, cell=8))


def test_of_a_dense_block_a_corner_is_probed():
    block = Block(3, -2, planning.DENSE_BLOCK * 7)
    rows, cols = block.cells.arrays()
    task = BlockTask.of(block, "whole", (rows, cols), survey())
    side = probe.DENSE_SIDE * 7
    corner = probe.reduced(task, side**2, 7)
    assert corner.chips == side**2
    assert corner.cells()[0].min() == block.cells.row1 - side
    assert corner.cells()[1].max() == block.cells.col0 + side - 1
    odd = rows + cols == block.cells.row0 + block.cells.col1 - 1  # a diagonal: nothing in the corner
    assert probe.reduced(BlockTask.of(block, "odd", (rows[odd], cols[odd]), survey()), side**2, 7).chips > 0


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_the_pace_does_not_rest_on_one_moment_of_a_busy_machine(share):
    """Timed chips that were lucky count for what the opening of the model got of the processor; by hand, on two threads."""
    job = ScoreJob(ChipGrid(CRS.from_epsg(26919)), SharedFile("m.landuse"), "openvino", "auto", 2, "")
    cpu, wall = [0.0, 0.4, 0.7, 0.9], [0.0, 0.4 / share, 2.0, 2.1]
    marks = list(zip(wall, cpu, strict=True))
    assert probe.paced(job, marks) == pytest.approx(0.1 / share)
    assert probe.paced(replace(job, runtime="tensorflow"), marks) == pytest.approx(0.1)
    assert probe.paced(job, [marks[1], *marks[1:]]) == pytest.approx(0.1)
