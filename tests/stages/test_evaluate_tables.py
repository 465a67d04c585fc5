"""What `evaluate` makes of tables: several labels a row, groups, intervals, curves, names that mean harm."""

import csv
import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from landuse.cli.main import run
from landuse.errors import ConfigError, UsageError
from landuse.evaluation.bootstrap import Interval, bootstrap
from landuse.evaluation.predictions import regrouped
from landuse.evaluation.table import read_predictions
from landuse.legend import load_legend
from landuse.options.results import EvaluateOptions
from landuse.stages.evaluate import evaluate
from tests.evaluation.test_metrics import G1, rows_of

G3 = {"person": (547, 0, 453), "chair": (14, 70, 170), "boat": (3, 18, 511), "dog": (1, 84, 18)}
MISSED = {"aeroplane": 48, "bicycle": 45, "bird": 37, "bottle": 50, "bus": 26, "car": 72, "cat": 70, "cow": 22}
MISSED |= {"diningtable": 51, "horse": 24, "motorbike": 20, "pottedplant": 45, "sheep": 25, "sofa": 49, "train": 30}
G3 |= {name: (0, fn, 0) for name, fn in (MISSED | {"tvmonitor": 46}).items()}


PLOTS = ("plot_confusion", "plot_binary", "plot_curves", "plot_reliability")


@pytest.fixture
def unseen(monkeypatch):
    """No pictures, which take most of the time, where a test looks at figures only."""
    for name in PLOTS:
        monkeypatch.setattr(f"landuse.stages.evaluate.{name}", lambda path, *_, **__: path.touch())


def load(folder, name):
    return json.loads((folder / name).read_text("utf8"))


def lines_of(path):
    with path.open(encoding="utf8", newline="") as stream:
        return list(csv.reader(stream))


def write(path, header, rows):
    with path.open("w", encoding="utf8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def test_golden_g3_of_a_table_of_1000_images(tmp_path):
    truth, said = [[] for _ in range(1000)], [[] for _ in range(1000)]
    for name, (tp, fn, fp) in G3.items():
        for row in range(tp + fn + fp):
            if row < tp + fn:
                truth[row].append(name)
            if row < tp or row >= tp + fn:
                said[row].append(name)
    rows = [(i, " ; ".join(a), " ; ".join(b)) for i, (a, b) in enumerate(zip(truth, said, strict=True))]
    table = write(tmp_path / "voc.csv", ["image", "label", "prediction"], rows)
    out = evaluate([table], tmp_path / "out").out
    found = load(out, "metrics.json")
    assert found["f1"] == pytest.approx(0.2845175884, abs=1e-9)
    assert found["precision"] == pytest.approx(0.2220447793, abs=1e-9)
    assert found["recall"] == pytest.approx(0.4044380816, abs=1e-9)
    assert sum(c["support"] for c in found["per_class"].values()) == 1397
    assert (found["n"], found["kappa"], found["per_class"]["bus"]["precision"]) == (1000, None, None)
    assert ["chair", "14", "70", "170", "746"] in lines_of(out / "confusion.csv")
    extra = load(out, "extra.json")["per_class"]
    for name, cells in G3.items():
        assert tuple(extra[name][c] for c in ("tp", "fn", "fp", "tn")) == (*cells, 1000 - sum(cells))
    assert min(Image.open(out / "confusion.png").size) > 600


def test_golden_g1_and_g2_of_tables(tmp_path, unseen):
    for matrix, accuracy in (([[10, 2], [1, 11]], 0.875), ([[12, 0], [1, 11]], 23 / 24)):
        pairs = [(f"c{a}", f"c{b}") for a, b in zip(*rows_of(np.array(matrix)), strict=True)]
        table = write(tmp_path / "g2.csv", ["label", "prediction"], pairs)
        assert read_predictions(table).figures().accuracy == pytest.approx(accuracy, abs=1e-12)
    table = write(tmp_path / "g1.csv", ["label", "prediction"], [(a, b) for a, b in zip(*rows_of(G1), strict=True)])
    found = load(evaluate([table], tmp_path / "g1").out, "metrics.json")
    assert (found["n"], found["accuracy"]) == (110, pytest.approx(0.8090909090909091, abs=1e-12))
    assert found["f1"] == pytest.approx(0.8111782234361806, abs=1e-12)
    assert found["kappa"] == pytest.approx(0.7866444998614575, abs=1e-12)


MANY = "labels,p_Forest,p_Water,p_Road\nForest;Water,0.9,0.4,0.1\nWater,0.3,0.8,0.1\n,0.2,0.1,0.6\nForest,0.45,0.2,0\n"


@pytest.fixture
def many(tmp_path):
    path = tmp_path / "many.csv"
    path.write_text(MANY)
    return path


def test_thresholds_decide_where_there_are_no_predictions(tmp_path, many, unseen):
    assert read_predictions(many).prediction.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]
    options = EvaluateOptions(thresholds=("Forest=0.45", "0.4"))
    found = evaluate([many], tmp_path / "own", options)
    assert found.predictions.prediction.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert found.metrics.accuracy == 0.75
    assert found.metrics.per_class["Road"].recall is None
    extra = load(found.out, "extra.json")
    assert extra["per_class"]["Forest"]["threshold"] == 0.45
    assert extra["per_class"]["Road"]["roc_auc"] is None
    assert extra["several_labels"]["hamming_loss"] == pytest.approx(1 / 12)
    assert extra["several_labels"]["jaccard"] == pytest.approx(0.75)
    assert "4 rows of several labels each" in found.report


@pytest.mark.parametrize("separator", [";", "|", " ; ", ";|"])
def test_predictions_that_are_given_hold_unless_thresholds_are(tmp_path, separator):
    path = tmp_path / "both.csv"
    path.write_text(f"label,prediction,p_a,p_b\na{separator}b,a,0.9,0.6\nb,b,0.1,0.9\n,,0,0\n")
    found = read_predictions(path)
    assert found.truth.tolist() == [[True, True], [False, True], [False, False]]
    assert found.prediction.tolist() == [[True, False], [False, True], [False, False]]
    given = read_predictions(path, EvaluateOptions(thresholds=("0.5",)))
    assert given.prediction.tolist() == [[True, True], [False, True], [False, False]]


def test_a_separator_in_the_name_of_a_class_is_no_list(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("label,prediction,p_a|b,p_c\na|b,c,0.3,0.7\nc,c,0.1,0.9\n")
    assert read_predictions(path).figures().accuracy == 0.5
    path.write_text("label,prediction\na|b,c\nc,c\n")
    assert read_predictions(path, EvaluateOptions(multi_label=False)).names == ("a|b", "c")


def test_without_predictions_the_largest_probability_decides(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("label,p_a,p_b\na,0.6,0.4\nb,0.7,0.3\n")
    assert read_predictions(path).prediction.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (EvaluateOptions(thresholds=("Moor=0.5",)), "no class 'Moor'"),
        (EvaluateOptions(thresholds=("Forest=high",)), "a number from 0 to 1"),
        (EvaluateOptions(thresholds=("1.5",)), "a number from 0 to 1"),
        (EvaluateOptions(group_by="county"), "one column 'county' to group by"),
        (EvaluateOptions(regroup="groups3"), "give --legend"),
        (EvaluateOptions(regroup="groups3", legend="nlcd6"), "has no class 'Water'"),
        (EvaluateOptions(regroup="groups9", legend="nlcd6"), "No legend 'groups9'"),
        (EvaluateOptions(multi_label=False, thresholds=("0.5",)), "--threshold has no use"),
    ],
)
def test_options_that_do_not_fit_get_a_sentence_and_leave_nothing(tmp_path, many, options, says):
    with pytest.raises(UsageError, match=says):
        evaluate([many], tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_thresholds_need_probabilities(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("label,prediction\na;b,a\n")
    with pytest.raises(ConfigError, match="no probabilities"):
        evaluate([path], tmp_path / "out", EvaluateOptions(thresholds=("0.4",)))


SIX = ("Developed", "Barren", "Forest", "Shrub", "Herbaceous", "Cultivated")


@pytest.fixture
def six(tmp_path):
    """300 rows of six classes in ten counties, about 70 % right; the counties differ much in how right they are."""
    rng = np.random.default_rng(7)
    truth, county = rng.integers(0, 5, 300), rng.integers(0, 10, 300)  # nothing is Cultivated
    scores = rng.dirichlet(np.full(6, 0.5), 300)
    scores[np.arange(300), truth] += county / 5
    scores /= scores.sum(axis=1, keepdims=True)
    rows = [
        [SIX[t], SIX[s.argmax()], f"county {c}", *(f"{x:.6f}" for x in s)]
        for t, s, c in zip(truth, scores, county, strict=True)
    ]
    return write(tmp_path / "six.csv", ["label", "prediction", "county", *(f"p_{n}" for n in SIX)], rows)


def test_six_classes_and_three_groups_side_by_side(tmp_path, six, unseen):
    options = EvaluateOptions(regroup="groups3", legend="nlcd6")
    found = evaluate([six], tmp_path / "out", options)
    groups = load(found.out, "groups.json")
    assert groups["classes"] == load(found.out, "metrics.json")
    assert list(groups["groups"]["per_class"]) == ["Developed", "Cultivated", "Undeveloped"]
    assert groups["members"]["Undeveloped"] == ["Barren", "Forest", "Shrub", "Herbaceous"]
    assert groups["groups"]["accuracy"] > groups["classes"]["accuracy"]
    nothing = groups["groups"]["per_class"]["Cultivated"]
    assert (nothing["recall"], nothing["f1"], nothing["support"]) == (None, None, 0)
    table = lines_of(found.out / "confusion_groups.csv")
    fine = np.array([line[1:] for line in lines_of(found.out / "confusion.csv")[1:]], int)
    undeveloped = fine[1:5, 1:5].sum()
    assert int(table[3][3]) == undeveloped
    assert "The same rows in 3 groups" in found.report
    assert (found.out / "confusion_groups.png").is_file()


def test_several_labels_in_groups(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("labels,predictions\nForest;Shrub,Barren\nForest;Developed,Developed\n")
    found = regrouped(read_predictions(path), load_legend("nlcd6"), load_legend("groups3")).figures()
    assert found.accuracy == 0.5  # a row of Forest and Shrub that is called Barren is right as Undeveloped
    assert found.per_class["Developed"].f1 == 1.0


def test_intervals_are_seeded_hold_the_figure_and_are_wider_by_county(six):
    rows = read_predictions(six)
    by_row, by_county = (
        bootstrap(rows, 200, 0),
        bootstrap(read_predictions(six, EvaluateOptions(group_by="county")), 200, 0),
    )
    assert bootstrap(rows, 200, 0) == by_row != bootstrap(rows, 200, 1)
    assert (by_row.units, by_county.units) == (300, 10)
    widths = []
    for found in (by_row, by_county):
        x = found.figures["accuracy"]
        assert x.low < x.value < x.high
        widths.append(x.high - x.low)
    assert widths[1] > 1.3 * widths[0]
    share = by_row.figures["accuracy"].value
    assert widths[0] == pytest.approx(2 * 1.96 * np.sqrt(share * (1 - share) / 300), rel=0.2)  # the binomial's own
    assert by_row.per_class["Cultivated"]["recall"] == Interval(None, None, None, 0)


def test_one_group_alone_has_no_interval(tmp_path, unseen):
    path = tmp_path / "p.csv"
    path.write_text("label,prediction,county\na,a,x\nb,a,x\n")
    out = evaluate([path], tmp_path / "out", EvaluateOptions(bootstrap=50, group_by="county"))
    accuracy = load(out.out, "bootstrap.json")["figures"]["accuracy"]
    assert (accuracy["value"], accuracy["low"], accuracy["high"]) == (0.5, None, None)
    assert "No intervals" in out.report


def test_curves_of_a_class_without_a_sample_are_empty_and_those_of_others_whole(tmp_path, six):
    out = evaluate([six], tmp_path / "out").out
    header, *lines = lines_of(out / "curves.csv")
    assert header == ["class", "threshold", "recall", "false_positive_rate", "precision"]
    assert {line[2] for line in lines if line[0] == "Cultivated"} == {""}
    forest = [line for line in lines if line[0] == "Forest"]
    assert forest[0] == ["Forest", "", "0", "0", ""]
    assert forest[-1][2:4] == ["1", "1"]
    assert len(forest) <= 201
    assert all(float(a[1]) > float(b[1]) for a, b in pairwise(forest[1:]))
    for name in ("curves.png", "reliability.png"):
        assert min(Image.open(out / name).size) > 400


def test_names_that_mean_harm(tmp_path):
    names = ["=cmd|' /C calc'!A0", "+1", "-2", "@SUM(A1)", "\x1b[31mred", "Forest"]
    rows = [[a, b, *("0.1" if n != b else "0.5" for n in names)] for a in names for b in names]
    table = write(tmp_path / "p.csv", ["label", "prediction", *(f"p_{n}" for n in names)], rows)
    found = evaluate([table], tmp_path / "out", EvaluateOptions(multi_label=False))
    for name in ("confusion.csv", "curves.csv"):
        for line in lines_of(found.out / name):
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in line)
    assert lines_of(found.out / "confusion.csv")[0][1] == "'" + names[0]
    assert names[0] in load(found.out, "metrics.json")["per_class"]
    assert "\x1b" not in found.report
    table.write_text(f"label,prediction\n{'x' * 81},a\n")
    with pytest.raises(ConfigError, match="1 to 80 signs"):
        evaluate([table], tmp_path / "long")


def test_the_command_line_passes_all_of_it_on(tmp_path, six, capsys, unseen):
    more = ["--regroup", "groups3", "--legend", "nlcd6", "--bootstrap", "20", "--group-by", "county", "--seed", "3"]
    assert run(["evaluate", str(six), "--out", str(tmp_path / "out"), *more]) == 0
    said = capsys.readouterr().out
    assert "top 2" in said
    assert "95% intervals from 20 resamples of 10 units (values of county)" in said
    assert {"groups.json", "bootstrap.json", "confusion_groups.csv"} <= {p.name for p in (tmp_path / "out").iterdir()}
    many = tmp_path / "many.csv"
    many.write_text(MANY)
    assert run(["evaluate", str(many), "--out", str(tmp_path / "m"), "--multi-label", "--threshold", "Forest=0.3"]) == 0
    assert run(["evaluate", str(many), "--out", str(tmp_path / "n"), "--single-label"]) == 2
    config = tmp_path / "c.yaml"
    config.write_text('multi-label: true\nthreshold: [Forest=0.3, "0.4"]\n')
    assert run(["evaluate", str(many), "--out", str(tmp_path / "c"), "--config", str(config)]) == 0
    assert load(tmp_path / "c", "extra.json")["per_class"]["Water"]["threshold"] == 0.4


def test_names_that_differ_by_case_spaces_or_unicode_form_are_one_class(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("label,prediction\nForêt,fore\u0302t\nwater, Water\nOpen  land,open land\n", "utf8")
    found = read_predictions(path)
    assert len(found.names) == 3
    assert found.figures().accuracy == 1.0
    path.write_text("label,p_Water,p_Forest\nwater,0.9,0.1\nFOREST,0.2,0.8\n")
    scored = read_predictions(path)
    assert scored.names == ("Water", "Forest")
    assert scored.figures().accuracy == 1.0


def test_whole_numbers_with_decimals_are_the_classes_without(tmp_path):
    rows = read_predictions(
        write(tmp_path / "p.csv", ["label", "prediction"], [("1", "1.0"), ("2", "2.00"), ("1.5", "1")])
    )
    assert rows.names == ("1", "1.5", "2")
    assert (rows.truth == rows.prediction).tolist() == [True, True, False]
