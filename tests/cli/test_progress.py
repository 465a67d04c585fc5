"""Every command that may take long says what it does, what it counts, and ends at its end."""

import shutil

import pytest

from landuse.cli.main import run
from landuse.engine import progress
from tests.patchwork import patchwork


@pytest.fixture
def told(monkeypatch, capsys):
    """What a command says of its progress where every step counts as long."""
    monkeypatch.setattr(progress, "BUSY_AFTER_S", -1.0)
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(progress.threading.Timer, "start", lambda _: None)

    def lines(*arguments):
        assert run(list(map(str, arguments))) == 0
        return capsys.readouterr().err.splitlines()

    return lines


def last(lines, start):
    """The last line that begins so."""
    return [line for line in lines if line.startswith(start)][-1]


def test_classify(told, work, learnt, tmp_path):
    flags = ["--model", learnt, "--chip-size", "32", "--master", "inline", "--out", tmp_path / "map"]
    forecast = told("classify", *work.survey, *flags, "--dry-run")
    assert last(forecast, "measuring the pace: ")
    lines = told("classify", *work.survey, *flags)
    assert last(lines, "looking for chips: ")
    assert last(lines, "classifying: 480 chips in ")
    assert last(lines, "writing: 480 chips in ")
    assert told("map", tmp_path / "map", "--out", tmp_path / "map.html")[-1].startswith("drawing the page: ")
    shutil.copytree(tmp_path / "map", tmp_path / "later")
    compared = told("diff", tmp_path / "map", tmp_path / "later", "--out", tmp_path / "change")
    assert [last(compared, f"{doing}: 480 cells in ") for doing in ("inferring", "outlining", "adding up")]
    assert last(compared, "comparing maps: ")
    drawn = told("assess", "design", tmp_path / "change", "--units", "60", "--out", tmp_path / "sample")
    assert last(drawn, "drawing the sample: ")
    assert last(drawn, "drawing map: 90 cells in ")
    assert last(drawn, "drawing later: 90 cells in ")
    asked = told("audit", tmp_path / "change", "--out", tmp_path / "audit")
    assert [last(asked, line) for line in ("drawing map: ", "drawing later: ", "drawing the sites: ")]


def test_evaluate(told, learnt, chips, tmp_path):
    flags = ["--master", "inline", "--bootstrap", "20"]
    lines = told("evaluate", learnt, chips, *flags, "--out", tmp_path / "scores")
    assert last(lines, "reading: 480 chips in ")
    assert last(lines, "drawing: 20 resamples in ")
    assert last(lines, "working out figures and pictures: ")


def test_tile(told, tmp_path):
    work = patchwork(tmp_path / "few", rows=4, cols=4)
    lines = told(
        "tile", *work.survey, "--chip-size", "32", "--chip-pixels", "32", "--labels", work.labels, "--legend", work.legend,
        "--export", "png", "--master", "inline", "--out", tmp_path / "chips",
    )  # fmt: skip
    assert last(lines, "looking for chips: ")
    assert last(lines, "labelling: ")
    assert last(lines, "writing: 16 images in ")


def test_train_and_quantise(told, work, chips, tmp_path):
    model = tmp_path / "new.landuse"
    flags = ["--backbone", work.model, "--master", "inline", "--no-cache"]
    lines = told("train", chips, *flags, "--out", model)
    assert last(lines, "reading: 480 chips in ")
    assert lines[-1].startswith("fitting the head: ")
    lines = told("quantise", model, chips, "--out", tmp_path / "small.landuse")
    assert last(lines, "reading: 480 chips in ")
    assert lines[-1].startswith("comparing labels: ")
