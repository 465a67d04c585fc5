"""`landuse train` as people type it."""

import numpy as np
import pytest
from PIL import Image

from landuse.cli.main import run
from landuse.models.bundle import read_bundle, write_bundle
from tests.models import small
from tests.patchwork import COLOURS


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    lines = ["path,label,site"]
    for i in range(30):
        noise = rng.integers(-10, 11, (32, 32, 3))
        Image.fromarray((COLOURS[i % 3] + noise).clip(0, 255).astype(np.uint8)).save(root / f"{i}.png")
        lines.append(f"{i}.png,{('Field', 'Water', 'Town')[i % 3]},s{i // 5}")
    (root / "t.csv").write_text("\n".join([*lines, "none.png,Town,s0"]))
    small.know_tiny()
    write_bundle(small.bundle(backbone=small.tiny_backbone()), root / "small.landuse")
    yield root / "t.csv"
    small.forget_tiny()


def command(table, out, *more):
    return [
        "train",
        str(table),
        "--out",
        str(out),
        "--master",
        "inline",
        "--backbone",
        str(table.parent / "small.landuse"),
        *more,
    ]


def test_a_table_with_groups_and_class_weights(table, tmp_path, capsys):
    more = ("--group-by", "site", "--balance", "downsample", "--class-weight", "Water=2.0", "--class-weight", "Town=1")
    assert run(command(table, tmp_path / "m.landuse", *more)) == 0
    said = capsys.readouterr()
    assert "30 samples of 3 classes" in said.out
    assert "samples held back (by group)" in said.out
    assert "1 skipped, first" in said.err
    assert "none.png" in said.err
    training = read_bundle(tmp_path / "m.landuse").training
    assert training["class_weights"] == {"Water": 2.0, "Town": 1.0}
    assert training["split"]["group_by"] == "site"


@pytest.mark.parametrize("text", ["Water", "Water=", "=2", "Water=-1", "Water=inf", "Water=nan"])
def test_a_class_weight_that_is_none(table, tmp_path, capsys, text):
    assert run(command(table, tmp_path / "m.landuse", "--class-weight", text)) == 2
    assert "Water=2.0" in capsys.readouterr().err


def test_a_config_file_may_hold_class_weights(table, tmp_path):
    (tmp_path / "c.yaml").write_text("class-weights: [Water=3.0]\nblock-m: 100\n")
    assert run(command(table, tmp_path / "m.landuse", "--config", str(tmp_path / "c.yaml"))) == 0
    assert read_bundle(tmp_path / "m.landuse").training["class_weights"] == {"Water": 3.0}


def test_tuning_from_the_command_line(table, tmp_path, capsys):
    more = (
        "--tune",
        "regularisation=0.001,1",
        "--tune",
        "balance=none,weights",
        "--folds",
        "2",
        "--measure",
        "log_loss",
    )
    assert run(command(table, tmp_path / "m.landuse", *more)) == 0
    assert "Best of 4: regularisation 1.0, balance" in capsys.readouterr().out
    assert len((tmp_path / "m.tuning.csv").read_text().splitlines()) == 5
    for text, words in (
        ("regularisation=much", "float"),
        ("balance=odd", "odd"),
        ("nosuch=1", "nosuch"),
        ("holdout=0.1,0.2", "split"),
        ("regularisation", "like"),
    ):
        assert run(command(table, tmp_path / "n.landuse", "--tune", text)) == 2
        assert words in capsys.readouterr().err


def test_layers_of_the_backbone_learn_on(table, tmp_path, capsys):
    out = tmp_path / "m.landuse"
    more = ("--fine-tune", "1-layers", "--epochs", "1", "--batch", "8")
    assert run(command(table, out, *more)) == 0
    said = capsys.readouterr().out
    assert "Fine-tuned (1) for 1 epoch, kept epoch" in said
    assert "30 samples of 3 classes" in said
    assert read_bundle(out).training["fine_tuning"]["batch"] == 8
    assert (tmp_path / "m.history.csv").is_file()
    assert run(command(table, out, *more)) == 1
    assert "exists; give another --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--fine-tune", "some"), "last-block, all or a number"),
        (("--fine-tune", "2", "--folds", "3"), "leave --tune and"),
    ],
)
def test_fine_tuning_that_cannot_be(table, tmp_path, capsys, more, sentence):
    assert run(command(table, tmp_path / "m.landuse", *more)) == 2
    assert sentence in capsys.readouterr().err


def test_an_elastic_net_and_folds_from_the_command_line(table, tmp_path, capsys):
    more = ("--reg-param", "0.01", "--elastic-net", "0.5", "--max-iter", "200", "--folds", "3")
    assert run(command(table, tmp_path / "m.landuse", *more)) == 0
    assert "Over 3 folds: accuracy" in capsys.readouterr().out
    training = read_bundle(tmp_path / "m.landuse").training
    assert training["head"]["elastic_net"] == 0.5
    assert training["cross_validation"]["folds"] == 3
    assert len((tmp_path / "m.folds.csv").read_text().splitlines()) == 4


def test_lists_of_labels_from_the_command_line(table, tmp_path, capsys):
    lines = table.read_text().replace("label,", "labels,").replace("Water", "Water;Town").splitlines()
    (table.parent / "lists.csv").write_text("\n".join(lines))
    assert run(command(table.parent / "lists.csv", tmp_path / "m.landuse", "--regularisation", "1")) == 0
    assert "all labels right in" in capsys.readouterr().out
    assert read_bundle(tmp_path / "m.landuse").head.thresholds is not None
    assert run(command(table, tmp_path / "n.landuse", "--head", "forest")) == 2
    assert "needs Spark" in capsys.readouterr().err
    assert run(command(table, tmp_path / "n.landuse", "--hidden", "much")) == 2
    assert "256,64" in capsys.readouterr().err
