import csv
import json

import numpy as np
import pytest
from PIL import Image

from landuse.errors import ConfigError, NoOverlapError, OutputExistsError, SourceNotFoundError, UsageError
from landuse.options.results import EvaluateOptions
from landuse.options.training import TrainOptions
from landuse.outputs.record import damaged_files, read_record
from landuse.stages.evaluate import evaluate
from landuse.stages.tile import tile
from landuse.stages.train import train
from tests.evaluation.test_metrics import KEYS
from tests.patchwork import patchwork

FILES = {"metrics.json", "confusion.csv", "report.txt", "confusion.png", "run.json", "extra.json"}
OF_PROBABILITIES = {"curves.csv", "curves.png", "reliability.png"}
TABLE = """chip_id,label,prediction,p_Forest,p_Water
r0c0,Forest,Forest,0.9,0.1
r0c1,Forest,Water,0.4,0.6
r0c2,Water,Water,0.2,0.8
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text(TABLE)
    return path


def test_a_table_gives_every_file_of_the_contract(tmp_path, table):
    found = evaluate([table], tmp_path / "out")
    assert {p.name for p in found.out.iterdir()} == FILES | OF_PROBABILITIES
    figures = json.loads((found.out / "metrics.json").read_text())
    assert list(figures) == KEYS
    assert figures["n"] == 3
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["roc_auc"] == 1.0
    assert figures["per_class"]["Forest"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    with (found.out / "confusion.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [["label", "Forest", "Water"], ["Forest", "1", "1"], ["Water", "0", "1"]]
    record = read_record(found.out)
    assert (record.command, record.counts["rows"]) == ("evaluate", 3)
    assert damaged_files(found.out, record) == {}


def test_the_report_has_words_and_a_dash_for_what_is_undefined(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("label,prediction\nForest,Forest\nWater,Forest\n")
    text = (evaluate([path], tmp_path / "out").out / "report.txt").read_text()
    assert "2 rows" in text
    assert "Water" in text
    assert "  -   " in text
    assert max(map(len, text.splitlines())) <= 130


def test_the_picture_is_a_picture_whatever_the_names(tmp_path):
    path = tmp_path / "p.csv"
    names = ["Forest", "A $very$ long_name^{of} a class that wraps", "Wald & Wiese", "Ödland"]
    path.write_text("label,prediction\n" + "".join(f'"{a}","{b}"\n' for a in names for b in names), "utf8")
    out = evaluate([path], tmp_path / "out").out
    image = np.asarray(Image.open(out / "confusion.png").convert("RGB"))
    assert min(image.shape[:2]) > 300
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs one column 'label'; it has none at all"),
        ("label,guess\na,b\n", "needs one column 'prediction'"),
        ("label,label,prediction\na,a,a\n", "needs one column 'label'"),
        ("label,prediction\n", "has no rows"),
        ("label,prediction\na\n", "line 2: 1 value for 2 columns"),
        ("label,prediction\na,a\n,a\n", "line 3: the label or the prediction is empty"),
        ("label,prediction,p_a\na,a,1.5\n", "line 2: '1.5' is no probability"),
        ("label,prediction,p_a\na,a,x\n", "line 2: 'x' is no probability"),
        ("label,prediction,p_a\na,a,nan\n", "line 2: 'nan' is no probability"),
        ("label,prediction,p_a\nb,a,1\n", "has the class 'b' but no column 'p_b'"),
        ("label,prediction,p_a,p_a\na,a,1,1\n", "column 'p_a' twice"),
        ("label,prediction\n" + "".join(f"{i},{i}\n" for i in range(300)), "300 different labels"),
        ('label,prediction\n"a,a\n', "is not a CSV table"),
    ],
)
def test_a_bad_table_gets_one_sentence_and_leaves_nothing(tmp_path, text, says):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        evaluate([path], tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_other_bad_requests(tmp_path, table):
    with pytest.raises(SourceNotFoundError, match="There is no file"):
        evaluate([tmp_path / "gone.csv"], tmp_path / "out")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match="not a CSV table"):
        evaluate([tmp_path / "binary.csv"], tmp_path / "out")
    with pytest.raises(UsageError, match="a model and its labelled data"):
        evaluate([table, table, table], tmp_path / "out")
    evaluate([table], tmp_path / "out")
    with pytest.raises(OutputExistsError):
        evaluate([table], tmp_path / "out")
    assert evaluate([table], tmp_path / "out", EvaluateOptions(fresh=True)).metrics.n == 3


def test_a_table_without_rows_has_nothing_to_say_but_does_not_fail(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("label,prediction,p_a,p_b\n\n")
    found = evaluate([path], tmp_path / "out")
    assert found.metrics.n == 0
    assert json.loads((found.out / "metrics.json").read_text())["accuracy"] is None


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learnt")
    work = patchwork(folder / "work", rows=12, cols=12)
    tile(work.survey, folder / "chips", work.tile_options(labels=work.labels, legend=str(work.legend)))
    train([folder / "chips"], folder / "m.landuse", TrainOptions(backbone=str(work.model), master="inline"))
    return work, folder


def test_a_model_on_labelled_chips(tmp_path, learnt):
    work, folder = learnt
    found = evaluate([folder / "m.landuse", folder / "chips"], tmp_path / "out")
    assert {p.name for p in found.out.iterdir()} == FILES | OF_PROBABILITIES | {"errors.geojson"} | worst_if(found)
    assert found.metrics.n == work.codes.size
    assert found.metrics.accuracy > 0.95
    wrong = json.loads((found.out / "errors.geojson").read_text())["features"]
    assert len(wrong) == (found.predictions.truth != found.predictions.prediction).sum()


def test_errors_are_listed_where_they_are(tmp_path, learnt):
    work, folder = learnt
    found = evaluate([str(work.model), folder / "chips"], tmp_path / "out")  # a head that has learnt nothing
    features = json.loads((found.out / "errors.geojson").read_text())["features"]
    assert features
    assert picture_size(found.out / "worst.png")[0] > 600
    properties = features[0]["properties"]
    assert properties["label"] != properties["prediction"]
    assert properties["chip_id"].startswith("r")
    assert 0 <= properties["confidence"] <= 1
    assert -180 <= features[0]["geometry"]["coordinates"][0][0][0] <= 180


def test_a_model_on_class_folders(tmp_path, learnt):
    _, folder = learnt
    names = [c.name for c in found_legend(folder)]
    for name in names:
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.fromarray(np.full((40, 40, 3), 120, np.uint8)).save(tmp_path / "images" / name / "1.png")
    found = evaluate([folder / "m.landuse", tmp_path / "images"], tmp_path / "out")
    assert found.metrics.n == len(names)
    assert {p.name for p in found.out.iterdir()} == FILES | OF_PROBABILITIES | {"worst.png"}


def worst_if(found):
    return {"worst.png"} if found.metrics.accuracy < 1 else set()


def picture_size(path):
    with Image.open(path) as image:
        image.load()
        return image.size


def found_legend(folder):
    from landuse.models.bundle import read_bundle

    return read_bundle(folder / "m.landuse").legend.classes


def test_chips_without_labels_or_of_other_classes_are_refused(tmp_path, learnt):
    work, folder = learnt
    tile(work.survey, tmp_path / "plain", work.tile_options())
    with pytest.raises(UsageError, match="carry no labels"):
        evaluate([folder / "m.landuse", tmp_path / "plain"], tmp_path / "out")
    other = tmp_path / "other.yaml"
    other.write_text(work.legend.read_text().replace("name: " + found_legend(folder)[0].name, "name: Moorland"))
    tile(work.survey, tmp_path / "moor", work.tile_options(labels=work.labels, legend=str(other)))
    with pytest.raises(ConfigError, match="'Moorland', which the model does not know"):
        evaluate([folder / "m.landuse", tmp_path / "moor"], tmp_path / "out")
    with pytest.raises((SourceNotFoundError, NoOverlapError)):
        evaluate([folder / "m.landuse", tmp_path / "gone"], tmp_path / "out")


def test_a_model_on_a_table_of_images(tmp_path, learnt):
    _, folder = learnt
    names = [c.name for c in found_legend(folder)]
    (tmp_path / "images").mkdir()
    lines = ["path,label,split,county"]
    for i in range(8):
        Image.fromarray(np.full((40, 40, 3), 30 * i, np.uint8)).save(tmp_path / "images" / f"{i}.png")
        lines.append(f"{i}.png,{names[i % len(names)]},{'train' if i < 2 else 'test'},c{i % 3}")
    lines += [f"gone.png,{names[0]},test,c0", "1.png,Moorland,test,c0"]
    table = tmp_path / "images.csv"
    table.write_text("\n".join(lines) + "\n")
    options = EvaluateOptions(root=tmp_path / "images", group_by="county", bootstrap=20)
    found = evaluate([folder / "m.landuse", table], tmp_path / "out", options)
    assert found.metrics.n == 6  # neither those to train on, nor what cannot be read or is of another class
    assert any("gone.png" in s for s in found.skipped)
    assert any("Moorland" in s for s in found.skipped)
    drawn = json.loads((tmp_path / "out" / "bootstrap.json").read_text())
    assert (drawn["unit"], drawn["units"]) == ("values of county", 3)
    assert "(2 entries left out; run.json says why)" in found.report


def test_chips_are_drawn_in_blocks_and_regrouped_by_the_models_legend(tmp_path, learnt):
    _, folder = learnt
    groups = tmp_path / "two.yaml"
    groups.write_text("name: two\nclasses:\n  - {code: 1, name: A, color: '#000000'}\n")
    with pytest.raises(ConfigError, match="has group"):
        evaluate([folder / "m.landuse", folder / "chips"], tmp_path / "no", EvaluateOptions(regroup=str(groups)))
    found = evaluate([folder / "m.landuse", folder / "chips"], tmp_path / "out", EvaluateOptions(bootstrap=30))
    drawn = json.loads((found.out / "bootstrap.json").read_text())
    assert drawn["unit"] == "blocks of 8 x 8 cells"
    assert 4 <= drawn["units"] <= 9
    assert drawn["figures"]["accuracy"]["low"] <= found.metrics.accuracy <= drawn["figures"]["accuracy"]["high"]


def test_images_with_several_labels_are_refused_by_a_model_of_one(tmp_path, learnt):
    _, folder = learnt
    names = [c.name for c in found_legend(folder)]
    table = tmp_path / "many.csv"
    table.write_text(f"path,labels\na.png,{names[0]};{names[1]}\nb.png,{names[0]}\n")
    with pytest.raises(UsageError, match="several labels a row, but this model gives one"):
        evaluate([folder / "m.landuse", table], tmp_path / "out")
    with pytest.raises(UsageError, match="are for tables of predictions"):
        evaluate([folder / "m.landuse", table], tmp_path / "out", EvaluateOptions(thresholds=("0.3",)))
