"""classify --dry-run: what it says is what a run then does, and it leaves nothing behind."""

from dataclasses import replace

import numpy as np
import pytest

from landuse.classify import ClassifyOptions, classify
from landuse.cli.main import run
from landuse.errors import BandsError, OutputExistsError
from landuse.forecast import disk_bytes, forecast, size, touched_shares
from landuse.scoring import probe
from landuse.scoring import run as scoring
from landuse.scoring.plan import BlockTask
from landuse.tile import TileOptions, survey_chips
from tests.patchwork import OPTIONS


def options(work, **more):
    return ClassifyOptions(model=str(work.model), tile=TileOptions(**OPTIONS), **more)


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
    assert 20e6 < rates.memory < 4e9
    assert 0 < rates.seconds_per_chip < 1
    assert said.seconds == pytest.approx(rates.start_s + said.work.chips * rates.seconds_per_chip)
    assert rates.precision == "f32"
    assert 12 < rates.part_bytes_per_chip < 400


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

    monkeypatch.setattr(scoring, "score_block", third_fails)
    with pytest.raises(KeyboardInterrupt):
        classify(work.survey, tmp_path / "map", options(work))
    found = forecast(work.survey, tmp_path / "map", options(work))
    assert found.work.blocks - found.work.todo_blocks == 2
    assert found.work.todo_chips == found.work.chips - sum(len(block.rows) for block in done)
    assert "2 blocks of an earlier run" in "\n".join(found.lines())
    again = forecast(work.survey, tmp_path / "map", options(work, fresh=True))
    assert again.work.todo_blocks == again.work.blocks


@pytest.mark.spark
def test_on_spark_the_workers_are_measured(work, said, tmp_path, spark):
    found = forecast(work.survey, tmp_path / "map", options(work, master="local[2]"))
    assert found.rates.at_once == 2
    assert 20e6 < found.rates.memory < 4e9
    assert found.work == said.work
    assert list(tmp_path.iterdir()) == []


def test_what_classify_would_refuse_is_refused(work, tmp_path):
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "mine.txt").write_text("x")
    with pytest.raises(OutputExistsError):
        forecast(work.survey, tmp_path / "map", options(work))
    with pytest.raises(BandsError):
        wrong = replace(options(work), tile=TileOptions(**OPTIONS, bands=(1, 2)))
        forecast(work.survey, tmp_path / "other", wrong)


def test_the_flag_prints_it_and_writes_nothing(work, tmp_path, capsys):
    flags = ["--model", str(work.model), "--chip-size", "32", "--master", "inline", "--dry-run"]
    assert run(["classify", *map(str, work.survey), "--out", str(tmp_path / "map"), *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["chips", "reused", "reads", "time", "memory", "disk"]
    assert lines[0] == "chips    480 in 4 blocks"
    assert list(tmp_path.iterdir()) == []


def test_the_fullest_blocks_are_probed():
    from landuse.grid import Block

    tasks = []
    for number, cells in enumerate((256, 10, 256, 256, 3)):
        rows, cols = Block(0, number).cells.arrays()
        tasks.append(BlockTask.of(Block(0, number), str(number), rows[:cells], cols[:cells]))
    assert [task.key for task in probe.typical(tasks)] == ["2", "2"]
    assert [task.key for task in probe.typical(tasks[1:2])] == ["1", "1"]
    assert [task.chips for task in tasks] == [256, 10, 256, 256, 3]
    assert np.array_equal(tasks[3].work.rows, Block(0, 3).cells.arrays()[0])


def test_room_grows_with_the_map(work):
    chips = survey_chips(work.survey, TileOptions(**OPTIONS))
    small, large = disk_bytes(chips, 3, None), disk_bytes(chips, 30, None)
    assert large[0] > small[0] > small[1] > 480 * 12


def test_sizes_are_said_in_fitting_units():
    assert [size(n) for n in (900, 2.5e6, 3.1e9, 4e12)] == ["1 kB", "2 MB", "3.1 GB", "4.0 TB"]
