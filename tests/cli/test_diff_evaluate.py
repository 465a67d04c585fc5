"""The commands diff and evaluate: a short summary, a status, one sentence when something is wrong."""

import numpy as np

from landuse.cli.main import run
from tests.change.makers import classified, foreign, sharp


def test_diff_says_what_it_found(tmp_path, capsys):
    codes = np.repeat(np.arange(40) % 6, 30).reshape(40, 30).T
    later = codes.copy()
    later[:2, 2:4] = 0
    maps = [str(classified(tmp_path / name, sharp(c))) for name, c in (("y2014", codes), ("y2020", later))]
    assert run(["diff", *maps, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "1,200 cells compared between y2014 and y2020" in said
    assert "4 are confirmed as change" in said
    assert "2 certain sites" in said
    later[:] = codes
    later[0, 2] = 0
    maps.insert(0, str(classified(tmp_path / "map_2022", sharp(later))))
    assert run(["diff", *maps[:2], "--out", str(tmp_path / "one")]) == 0
    said = capsys.readouterr()
    assert "1 is confirmed as change" in said.out
    assert "1 site)" in said.out
    assert said.err.startswith("Warning: The map of 2022 is given before that of 2014, ")


def test_diff_of_other_lattices_is_one_sentence_and_status_1(tmp_path, capsys):
    a = foreign(tmp_path / "a.tif", np.ones((3, 3)))
    b = foreign(tmp_path / "b.tif", np.ones((3, 3)), epsg=26915)
    assert run(["diff", str(a), str(b), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: a lies in NAD83 / UTM zone 14N and b in")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_diff_of_one_map_or_with_a_wrong_threshold_is_status_2(tmp_path, capsys):
    a = foreign(tmp_path / "a.tif", np.ones((3, 3)))
    assert run(["diff", str(a), "--out", str(tmp_path / "out")]) == 2
    assert "at least two maps" in capsys.readouterr().err
    assert run(["diff", str(a), str(a), "--out", str(tmp_path / "out"), "--min-probability", "2"]) == 2


def test_evaluate_prints_the_report(tmp_path, capsys):
    table = tmp_path / "p.csv"
    table.write_text("label,prediction\nForest,Forest\nWater,Forest\n")
    assert run(["evaluate", str(table), "--out", str(tmp_path / "out")]) == 0
    assert "accuracy                 0.5000" in capsys.readouterr().out
    assert run(["evaluate", str(tmp_path / "gone.csv"), "--out", str(tmp_path / "out2")]) == 1
    assert "There is no file" in capsys.readouterr().err


def test_a_model_without_data_is_one_sentence(tmp_path, capsys):
    for model in ("builtin", str(tmp_path / "mine.landuse")):
        assert run(["evaluate", model, "--out", str(tmp_path / "out")]) == 2
        assert "is a model: give the labelled data" in capsys.readouterr().err


def test_a_step_beside_the_change_that_shows_it_is_one_sentence(tmp_path, capsys):
    codes = np.repeat(np.arange(24) % 6, 20).reshape(24, 20).T
    maps = [str(classified(tmp_path / f"y{year}", sharp(codes))) for year in (2014, 2017, 2020)]
    out = tmp_path / "change"
    assert run(["diff", *maps, "--out", str(out)]) == 0
    step = next(path for path in out.iterdir() if path.name.startswith("1_"))
    assert run(["map", str(out), str(step), "--out", str(tmp_path / "map.html")]) == 2
    assert "is a step of change, which shows it already" in capsys.readouterr().err
