"""A model that is judged by what it has learnt from says so."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from landuse.chips import read_chips, write_chips
from landuse.models.bundle import read_bundle, write_bundle
from landuse.options.training import TrainOptions
from landuse.outputs.record import read_record
from landuse.stages.evaluate import evaluate
from landuse.stages.tile import tile
from landuse.stages.train import train
from landuse.training.sample_marks import FIELD, MOST, SampleMarks, file_marks
from tests.patchwork import patchwork


def test_chips_that_were_learnt_from_are_told(learnt, chips, tmp_path):
    found = evaluate([learnt, chips], tmp_path / "out")
    said = " ".join(found.report.split())
    assert "the model has learnt from 480 of the 480 rows, so what follows flatters it" in said
    own = read_bundle(learnt).metrics["accuracy"]
    assert f"Of samples held back when it was trained, {own:.1%} were right." in said
    extra = json.loads((tmp_path / "out" / "extra.json").read_text())["learnt_from"]
    assert (extra["rows"], extra["of"], extra["others"]) == (480, 480, None)
    assert read_record(tmp_path / "out").details["learnt_from"]["rows"] == 480


def test_ground_that_is_new_is_not(learnt, tmp_path):
    other = patchwork(tmp_path / "other", seed=5, rows=4, cols=4, halves=1)
    tile(other.survey, tmp_path / "chips", other.tile_options(labels=other.labels, legend=str(other.legend)))
    found = evaluate([learnt, tmp_path / "chips"], tmp_path / "out")
    assert "Caution" not in found.report
    assert "learnt_from" not in json.loads((tmp_path / "out" / "extra.json").read_text())


def test_of_a_mixture_the_others_have_figures_of_their_own(work, chips, tmp_path):
    every = read_chips(chips)
    (tmp_path / "west").mkdir()
    write_chips(tmp_path / "west" / "chips.parquet", every.subset(every.cols < every.cols.min() + 12))
    train([tmp_path / "west"], tmp_path / "m.landuse", TrainOptions(backbone=str(work.model), regularisation=1.0))
    found = evaluate([tmp_path / "m.landuse", chips], tmp_path / "out")
    others = json.loads((tmp_path / "out" / "extra.json").read_text())["learnt_from"]["others"]
    right = found.predictions.truth == found.predictions.prediction
    east = read_chips(chips).cols >= every.cols.min() + 12
    assert others["n"] == 240
    assert others["accuracy"] == pytest.approx(right[east].mean())
    assert "learnt from 240 of the 480 rows" in " ".join(found.report.split())


def test_images_are_known_by_their_content_wherever_they_lie(work, chips, tmp_path):
    tile(work.survey, tmp_path / "t", work.tile_options(labels=work.labels, legend=str(work.legend), export="png"))
    images = tmp_path / "t" / "images"
    train([images], tmp_path / "m.landuse", TrainOptions(backbone=str(work.model), regularisation=1.0, cache=False))
    for number, path in enumerate(sorted(images.glob("*/*.png"))):
        target = tmp_path / "moved" / path.parent.name / f"{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        if number % 4 == 0:
            shutil.copy(path, target)
    found = evaluate([tmp_path / "m.landuse", tmp_path / "moved"], tmp_path / "out")
    assert "learnt from 120 of the 120 rows" in " ".join(found.report.split())


def test_a_side_that_is_given_for_testing_is_not_learnt_from(work, chips, tmp_path):
    every = read_chips(chips)
    names = [every.legend.name_of(int(code)) for code in every.labels]
    lines = [f"{i},{n},{'test' if k % 4 else 'train'}" for k, (i, n) in enumerate(zip(every.ids, names, strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(["chip_id,label,split", *lines]))
    model = tmp_path / "m.landuse"
    train([tmp_path / "t.csv"], model, TrainOptions(backbone=str(work.model), regularisation=1.0, root=chips))
    assert len(SampleMarks.of(read_bundle(model).training).marks) == 120


def test_marks_are_small_bounded_and_survive_a_strangers_hand(learnt, tmp_path):
    many = SampleMarks(np.random.default_rng(0).integers(0, 2**32, MOST + 9, np.uint32))
    kept = SampleMarks.of({FIELD: many.as_dict()})
    assert (len(kept.marks), kept.whole) == (MOST, False)
    assert kept.holds(many.marks).sum() >= MOST
    for odd in (None, {}, {"marks": 3}, {"marks": "!!"}, {"marks": "AAAA="}):
        assert SampleMarks.of({FIELD: odd}) is None
    bundle = read_bundle(learnt)
    plain = {name: value for name, value in bundle.training.items() if name != FIELD}
    old = write_bundle(replace(bundle, training=plain), tmp_path / "old.landuse")
    assert SampleMarks.of(read_bundle(old).training) is None


def test_a_file_that_cannot_be_read_has_no_mark(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 300_000)
    (tmp_path / "b").write_bytes(b"x" * 150_000 + b"y" + b"x" * 149_999)
    a, b, none = file_marks([tmp_path / "a", tmp_path / "b", tmp_path / "none"]).tolist()
    assert a != b
    assert none == 0
