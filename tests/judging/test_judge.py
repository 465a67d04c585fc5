"""A model on labelled data: tables of chip ids, and models that give several labels."""

import json

import numpy as np
import pytest

from landuse.chips import read_chips
from landuse.errors import NoOverlapError, UsageError
from landuse.models.bundle import read_bundle
from landuse.options.results import EvaluateOptions
from landuse.options.training import TrainOptions
from landuse.stages.evaluate import evaluate
from landuse.stages.train import train

NAMES = ("Field", "Water", "Town")


@pytest.fixture(scope="module")
def tables(chips, tmp_path_factory):
    """Tables of chip ids: of one label each, and of lists: water is town as well, and town is nothing."""
    folder, found = tmp_path_factory.mktemp("tables"), read_chips(chips)
    names = [found.legend.name_of(int(code)) for code in found.labels]
    plain = [f"{chip},{name}" for chip, name in zip(found.ids, names, strict=True)]
    both = {"Water": "Water;Town", "Field": "Field", "Town": ";"}
    lists = [
        f"{chip},{both[name]},{'test' if i % 4 == 0 else 'train'}"
        for i, (chip, name) in enumerate(zip(found.ids, names, strict=True))
    ]
    (folder / "plain.csv").write_text("\n".join(["chip_id,label", *plain, "r1c1,Town"]))
    (folder / "lists.csv").write_text("\n".join(["chip_id,labels,split", *lists]))
    return folder


@pytest.fixture(scope="module")
def multi(work, chips, tables, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "multi.landuse"
    train([tables / "lists.csv"], out, TrainOptions(backbone=str(work.model), regularisation=1.0, root=chips))
    return out


def test_a_table_of_chip_ids_is_judged_as_its_chips(learnt, chips, tables, tmp_path):
    of_table = evaluate([learnt, tables / "plain.csv"], tmp_path / "a", EvaluateOptions(root=chips))
    of_chips = evaluate([learnt, chips], tmp_path / "b")
    assert of_table.metrics == of_chips.metrics
    assert any("r1c1: it is no chip" in said for said in of_table.skipped)
    assert (tmp_path / "a" / "errors.geojson").is_file()
    with pytest.raises(NoOverlapError, match="Not one line"):
        (tables / "none.csv").write_text("chip_id,label\nr1c1,Town\n")
        evaluate([learnt, tables / "none.csv"], tmp_path / "c", EvaluateOptions(root=chips))


def test_a_model_of_several_labels_on_what_it_has_not_seen(multi, chips, tables, tmp_path):
    bundle = read_bundle(multi)
    found = evaluate([multi, tables / "lists.csv"], tmp_path / "out", EvaluateOptions(root=chips, bootstrap=20))
    assert found.metrics.n == 120, "the rows to train on do not count"
    assert found.metrics.accuracy > 0.9
    assert found.metrics.as_dict() == bundle.metrics, "as train said of its test rows"
    extra = json.loads((tmp_path / "out" / "extra.json").read_text())
    assert extra["multi_label"]
    limits = [extra["per_class"][name]["threshold"] for name in bundle.legend.names]
    assert np.allclose(limits, bundle.head.thresholds)
    for file in ("confusion.csv", "confusion.png", "curves.csv", "curves.png", "reliability.png", "bootstrap.json"):
        assert (tmp_path / "out" / file).stat().st_size > 0
    assert (tmp_path / "out" / "confusion.csv").read_text().startswith("label,tp,fn,fp,tn")


def test_a_model_of_several_labels_on_rows_of_one(multi, chips, tmp_path):
    found = evaluate([multi, chips], tmp_path / "out")
    assert found.metrics.kappa is None
    assert found.metrics.per_class["Field"].recall > 0.9
    assert found.metrics.per_class["Town"].recall < 0.1


def test_a_model_of_one_label_refuses_lists(learnt, chips, tables, tmp_path):
    with pytest.raises(UsageError, match="several labels a row"):
        evaluate([learnt, tables / "lists.csv"], tmp_path / "out", EvaluateOptions(root=chips))


def test_errors_of_several_labels_have_a_sheet(multi, chips, tables, tmp_path):
    lines = (tables / "lists.csv").read_text().replace("Water;Town", "Field;Town").splitlines()
    (tables / "wrong.csv").write_text("\n".join(lines))
    found = evaluate([multi, tables / "wrong.csv"], tmp_path / "out", EvaluateOptions(root=chips))
    assert found.metrics.accuracy < 0.9
    assert (tmp_path / "out" / "worst.png").stat().st_size > 10_000
