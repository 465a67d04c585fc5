"""The figures and the table of the benchmarks, and that a measurement that fails costs one line."""

import sys

import pytest

from benchmarks import __main__ as page
from benchmarks import memory
from benchmarks.bench import Bench, in_turns
from benchmarks.commands import BenchError, run
from benchmarks.imagery import LATTICE, Mosaic, write_mosaic, write_sparse_survey
from benchmarks.rows import HEADER, Asked, failed_row, ratio_row, value_row
from benchmarks.table import markdown, slope
from landuse.options.survey import TileOptions
from landuse.stages.survey import survey_chips


def test_the_slope_leaves_the_fixed_cost_out():
    assert slope((100, 3 + 100 / 25), (400, 3 + 400 / 25)) == pytest.approx(25)
    with pytest.raises(ValueError, match="too few"):
        slope((100, 5.0), (400, 5.0))


def test_ratios_are_judged_by_their_bound():
    assert ratio_row("a", [18], [10], Asked(1.8)).cells[3:] == ["1.80", "at least 1.8 times", "yes"]
    assert ratio_row("a", [15], [10], Asked(1.4, at_most=True)).met == "no"
    assert ratio_row("a", [15], [10], Asked(8, lacks="no such units")).met == "no, but no such units"
    assert value_row("a", 2.5, Asked(3, at_most=True), "s").cells[1:] == ["2.50 s", "", "", "at most 3 s", "yes"]


def test_a_ratio_is_the_median_of_the_rounds():
    row = ratio_row("a", [20, 10, 44], [10, 10, 11], Asked(1.9))  # a machine twice as slow in the second round
    assert row.cells[1:4] == ["20.0 chips/s", "10.0 chips/s", "2.00 (1.00 to 4.00)"]
    assert row.met == "yes"


def test_a_table_has_as_many_bars_in_every_line():
    lines = markdown(HEADER, [failed_row("x", "a | b\nc").cells, ratio_row("y", [2], [1], Asked(1)).cells]).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {len(HEADER) + 1}
    assert len({len(line) for line in lines}) == 1


def test_contestants_take_turns():
    order = []
    rates = {"a": iter([10, 20]), "b": iter([1, 3])}
    found = in_turns({n: lambda n=n: order.append(n) or next(rates[n]) for n in rates}, 2)
    assert order == ["a", "b", "a", "b"]
    assert found == {"a": [10, 20], "b": [1, 3]}


def test_a_command_says_how_long_it_took_and_what_it_printed():
    ran = run([sys.executable, "-c", "print('chips/s 12.5')"])
    assert ran.rate == 12.5
    assert ran.seconds > 0
    with pytest.raises(BenchError, match="ended with 3: why"):
        run([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(BenchError, match="no chips/s"):
        _ = run([sys.executable, "-c", "print('nothing')"]).rate


def test_a_measurement_that_fails_or_has_no_time_is_one_line(tmp_path, monkeypatch):
    def broken(bench):
        raise BenchError("the disk is full")

    monkeypatch.setitem(page.MEASURES, "tile", (broken, 10))
    assert page.measured("tile", Bench(tmp_path))[0].met == "BenchError: the disk is full"
    assert "no time left" in page.measured("tile", Bench(tmp_path, until=0.0))[0].met


@pytest.mark.parametrize("compress", ["jpeg", "raw"])
def test_a_mosaic_has_the_chips_that_it_says(tmp_path, compress):
    mosaic = Mosaic(2, 3, compress)
    chips = survey_chips([write_mosaic(tmp_path / "m.tif", mosaic)], TileOptions(min_valid=1.0))
    assert len(chips) == mosaic.chips
    assert chips.grid.crs.to_authority() == tuple(LATTICE.split(":"))


def test_growth_is_judged_for_ten_times_the_chips_and_memory_by_the_last_against_the_first():
    kinds = {"driver": 300.0, "worker": 200.0, "Java": 100.0}
    runs = [
        memory.Measured(10_000, 10.0, kinds),
        memory.Measured(20_000, 19.0, kinds),
        memory.Measured(200_000, 209.0, {"driver": 330.0, "worker": 221.0, "Java": 900.0}),
    ]
    lines = memory.report("local[2]", runs)
    assert [line[-2:] for line in lines[:3]] == [["1.10", "yes"], ["1.10", "no"], ["9.00", ""]]
    assert lines[-1][-2:] == ["11.0", "no"]
    assert {len(line) for line in lines} == {6}


def test_a_sparse_survey_takes_no_room(tmp_path):
    paths = write_sparse_survey(tmp_path, 4, 3)
    assert sum(path.stat().st_size for path in paths) < 20_000
    assert len(survey_chips(paths, TileOptions(collar="keep"))) == 36
