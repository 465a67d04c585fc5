import numpy as np
from PIL import Image

from landuse.evaluation.predictions import MultiPredictions, Predictions
from landuse.judging.worst import MOST_OF_A_KIND, Picture, plot_sheet, words, worst_rows


def test_the_surest_errors_come_first_and_no_kind_fills_the_sheet():
    names = ("a", "b", "c")
    truth = np.array([0] * 20 + [1, 2, 2])
    said = np.array([1] * 20 + [0, 2, 0])
    sure = np.concatenate([np.linspace(0.99, 0.8, 20), [0.5, 0.99, 0.7]])
    scores = np.full((23, 3), 0.001)
    scores[np.arange(23), said] = sure
    rows = Predictions(names, truth, said, scores)
    found = worst_rows(rows, 8)
    assert found.tolist() == [*range(MOST_OF_A_KIND), 22, 20]
    assert 21 not in worst_rows(rows)  # that one is right
    assert len(worst_rows(rows)) == 22
    assert words(rows, 20) == ("b", "a (50%)")
    assert worst_rows(Predictions(names, truth, said), 3).tolist() == [0, 1, 2]


def test_of_several_labels_the_worst_statement_counts():
    truth = np.array([[1, 0], [0, 1], [0, 0]], bool)
    scores = np.array([[0.9, 0.6], [0.95, 0.05], [0.1, 0.2]])
    rows = MultiPredictions(("a", "b"), truth, scores >= 0.5, scores)
    assert worst_rows(rows).tolist() == [1, 0]
    assert words(rows, 1) == ("b", "a")
    assert words(rows, 2) == ("none", "none")


def test_a_sheet_has_a_place_for_what_cannot_be_read(tmp_path):
    pictures = [Picture(np.full((8, 8, 3), 90, np.uint8), "Forest", "$x^{", "r0c0"), Picture(None, "a", "b", "gone")]
    plot_sheet(tmp_path / "w.png", pictures, "two")
    with Image.open(tmp_path / "w.png") as image:
        assert len(image.convert("RGB").getcolors(1 << 20)) > 10
