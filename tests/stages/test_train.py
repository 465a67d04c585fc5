"""train: from chips and from class folders; honest figures; one clear sentence for what cannot be."""

import numpy as np
import pytest
from PIL import Image

from landuse.errors import GridMismatchError, NoOverlapError, OutputExistsError, SourceNotFoundError, UsageError
from landuse.models.bundle import read_bundle
from landuse.options.survey import TileOptions
from landuse.options.training import TrainOptions
from landuse.stages.tile import tile
from landuse.stages.train import train
from tests.patchwork import COLOURS, OPTIONS, patchwork

NAMES = ("Field", "Water", "Town")


def options(work, **more):
    return TrainOptions(backbone=str(work.model), regularisation=1.0, **more)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Class folders with images of several sizes, one of them no image at all."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, colour in zip(NAMES, COLOURS, strict=True):
        (root / name).mkdir()
        for i in range(12):
            noise = rng.integers(-10, 11, (40 + i, 50, 3))
            Image.fromarray((colour + noise).clip(0, 255).astype(np.uint8)).save(root / name / f"{i}.png")
    (root / "Town" / "broken.png").write_bytes(b"no image")
    return root


def test_a_model_learns_the_patches(work, chips, tmp_path):
    bundle = train([chips], tmp_path / "m.landuse", options(work))
    assert bundle.name == "m"
    assert bundle.metres_per_pixel == OPTIONS["chip_m"] / bundle.chip_px
    assert bundle.metrics["accuracy"] == 1.0
    assert bundle.training["samples"] == 480
    assert 0 < bundle.training["held_out"] < 240
    assert sum(bundle.training["classes"].values()) == 480
    assert read_bundle(tmp_path / "m.landuse").digest == bundle.digest


def test_training_twice_gives_the_same_file(work, chips, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        train([chips], tmp_path / name / "m.landuse", options(work))
    assert (tmp_path / "a" / "m.landuse").read_bytes() == (tmp_path / "b" / "m.landuse").read_bytes()


def test_class_folders_of_any_image_size(work, folders, tmp_path):
    bundle = train([folders], tmp_path / "m.landuse", options(work))
    assert bundle.legend.names == tuple(sorted(NAMES))
    assert bundle.metres_per_pixel is None
    assert bundle.training["samples"] == 36
    assert bundle.metrics["accuracy"] > 0.9
    assert len(bundle.training["skipped"]) == 1
    assert "broken.png" in bundle.training["skipped"][0]


def test_class_folders_through_a_legend(work, folders, tmp_path):
    bundle = train([folders], tmp_path / "m.landuse", options(work, legend=str(work.legend)))
    assert bundle.legend.codes == (2, 5, 9)


@pytest.mark.spark
def test_spark_learns_what_inline_learns(work, chips, folders, tmp_path, spark):
    for data in (chips, folders):
        bundles = [
            train([data], tmp_path / f"{data.name}{i}.landuse", options(work, master=master))
            for i, master in enumerate(("inline", "local[2]"))
        ]
        assert np.allclose(bundles[0].head.weight, bundles[1].head.weight, atol=1e-5)


def test_a_backbone_by_name_with_random_weights(chips, tmp_path):
    from landuse.training.backbone import backbone_bundle

    assert backbone_bundle("squeezenet", "random", 1).digest == backbone_bundle("squeezenet", "random", 1).digest
    assert backbone_bundle("squeezenet", "random", 1).digest != backbone_bundle("squeezenet", "random", 2).digest
    with pytest.raises(UsageError, match="--weights random"):
        train([chips], tmp_path / "m.landuse", TrainOptions(backbone="squeezenet"))
    with pytest.raises(UsageError, match="squeezenet"):
        train([chips], tmp_path / "m.landuse", TrainOptions(backbone="nosuch"))


def test_what_cannot_be_learnt_from(work, chips, folders, tmp_path):
    out = tmp_path / "m.landuse"
    with pytest.raises(SourceNotFoundError, match="no folder"):
        train([tmp_path / "none"], out, options(work))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceNotFoundError, match="class folders"):
        train([tmp_path / "empty"], out, options(work))
    with pytest.raises(UsageError, match="not both"):
        train([chips, folders], out, options(work))
    with pytest.raises(NoOverlapError, match="nlcd6"):
        train([folders], out, options(work, legend="nlcd6"))
    tile(work.survey, tmp_path / "unlabelled", TileOptions(**OPTIONS))
    with pytest.raises(UsageError, match="--labels"):
        train([tmp_path / "unlabelled"], out, options(work))
    assert not out.exists()


def test_chips_of_two_lattices_are_refused(work, chips, tmp_path):
    other = TileOptions(chip_m=64.0, chip_px=32, labels=work.labels, legend=str(work.legend))
    tile(work.survey, tmp_path / "other", other)
    with pytest.raises(GridMismatchError, match="--chip-size"):
        train([chips, tmp_path / "other"], tmp_path / "m.landuse", options(work))


def test_the_out_file(work, chips, tmp_path):
    with pytest.raises(UsageError, match=r"m\.landuse"):
        train([chips], tmp_path / "m.h5", options(work))
    (tmp_path / "m.landuse").write_text("mine")
    with pytest.raises(OutputExistsError, match="--fresh"):
        train([chips], tmp_path / "m.landuse", options(work))
    assert (tmp_path / "m.landuse").read_text() == "mine"
    assert train([chips], tmp_path / "m.landuse", options(work, fresh=True)).name == "m"


def test_the_report_says_how_the_data_were_split(work, chips, tmp_path):
    bundle = train([chips], tmp_path / "m.landuse", options(work, block_m=150.0, buffer_m=40.0))
    parts = bundle.training["split"]
    assert parts["kind"] == "spatial blocks"
    assert parts["nearest_train_test_m"] >= 40
    assert parts["left_out"] > 0
    assert parts["train"] + parts["test"] + parts["left_out"] == bundle.training["samples"] == 480
    assert bundle.calibration["method"] in ("temperature", "vector")
    assert bundle.calibration["samples"] == parts["test"] == bundle.training["held_out"]
    assert sum(b["count"] for b in bundle.calibration["bins_after"]) == parts["test"]
    touching = train([chips], tmp_path / "n.landuse", options(work)).training["split"]
    assert touching["nearest_train_test_m"] == 0
    assert touching["left_out"] == 0


def test_two_years_of_one_place_stay_together(work, chips, tmp_path):
    other = patchwork(tmp_path / "later", seed=0)
    tile(other.survey, tmp_path / "b", TileOptions(**OPTIONS, labels=work.labels, legend=str(work.legend)))
    parts = train([chips, tmp_path / "b"], tmp_path / "m.landuse", options(work)).training["split"]
    assert parts["train"] + parts["test"] == 960
    assert parts["nearest_train_test_m"] >= 0


def test_given_test_rows_never_reach_the_model(work, folders, tmp_path):
    """Test rows with wrong labels make no difference to the weights or the calibration, only to the figures."""
    bundles = []
    for truth in (True, False):
        rows = [f"{name}/{i}.png,{name},train" for name in NAMES for i in range(8)]
        rows += [f"{name}/{i}.png,{name if truth else 'Field'},test" for name in NAMES for i in range(8, 12)]
        path = tmp_path / f"{truth}.csv"
        path.write_text("\n".join(["path,label,split", *rows]))
        bundles.append(train([path], tmp_path / f"{truth}.landuse", options(work, root=folders)))
    right, wrong = bundles
    assert right.metrics["accuracy"] == 1
    assert wrong.metrics["accuracy"] == pytest.approx(1 / 3)
    assert right.training["split"]["kind"] == "given"
    assert right.training["held_out"] == 12
    assert np.array_equal(right.head.weight, wrong.head.weight)
    assert right.calibration == wrong.calibration


def test_soft_labels_and_balance(work, tmp_path):
    wide = TileOptions(chip_m=48.0, chip_px=32, labels=work.labels, legend=str(work.legend))
    tile(work.survey, tmp_path / "wide", wide)
    bundle = train([tmp_path / "wide"], tmp_path / "m.landuse", options(work, soft_labels=True, balance="downsample"))
    assert bundle.training["soft_labels"]
    assert bundle.training["balance"] == "downsample"
    assert bundle.metrics["accuracy"] > 0.7


def test_class_weights_move_the_answer(work, chips, tmp_path):
    plain = train([chips], tmp_path / "a.landuse", options(work, holdout=0.0))
    heavy = train([chips], tmp_path / "b.landuse", options(work, holdout=0.0, class_weights={"Water": 50.0}))
    features = np.zeros((1, 6), np.float32) + plain.head.mean
    water = plain.legend.names.index("Water")
    assert heavy.head.apply(features)[0, water] > plain.head.apply(features)[0, water]
    with pytest.raises(UsageError, match="'Lake'"):
        train([chips], tmp_path / "c.landuse", options(work, class_weights={"Lake": 2.0}))


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """A table of images that show one or two of three colours, or none of them, with their labels."""
    root, rng = tmp_path_factory.mktemp("lists"), np.random.default_rng(3)
    lines = ["path,labels"]
    for i in range(120):
        names = [name for name, yes in zip(NAMES, rng.random(3) < 0.5, strict=True) if yes]
        image = np.full((32, 32, 3), 90) + rng.integers(-10, 11, (32, 32, 3))
        for name in names:
            place = NAMES.index(name)
            image[:, place * 10 : place * 10 + 10] = COLOURS[place] + rng.integers(-10, 11, (32, 10, 3))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(root / f"{i}.png")
        lines.append(f"{i}.png,{';'.join(names) or ';'}")
    (root / "t.csv").write_text("\n".join(lines))
    return root / "t.csv"


def test_a_table_of_lists_makes_a_head_of_several_labels(work, lists, tmp_path):
    bundle = train([lists], tmp_path / "m.landuse", options(work))
    assert bundle.training["multi_label"]
    assert bundle.training["samples"] == 120, "those of no class among them"
    assert set(bundle.training["thresholds"]) == set(NAMES)
    assert bundle.training["thresholds"] == dict(zip(bundle.legend.names, bundle.head.thresholds.tolist(), strict=True))
    assert bundle.metrics["n"] == bundle.training["held_out"]
    assert bundle.metrics["roc_auc"] > 0.9
    assert bundle.metrics["f1"] > 0.8
    assert bundle.metrics["kappa"] is None
    assert bundle.calibration["log_loss"]["none"] > 0
    assert sum(b["count"] for b in bundle.calibration["bins_after"]) == 3 * bundle.training["held_out"]


def test_what_lists_of_labels_cannot_be_used_with(work, lists, tmp_path):
    for more, words in (
        ({"balance": "downsample"}, "downsampled"),
        ({"doubt_odds": 10.0}, "doubt"),
        ({"head": "forest", "master": "local[2]"}, "one class a sample"),
    ):
        with pytest.raises(UsageError, match=words):
            train([lists], tmp_path / "m.landuse", options(work, **more))


def test_what_a_head_cannot_be(work):
    for more, words in (
        ({"head": "tree"}, "'logistic', 'dense' or 'forest'"),
        ({"head": "forest"}, "needs Spark"),
        ({"fit_with": "spark"}, "needs Spark"),
        ({"head": "dense", "elastic_net": 0.5}, "for the logistic head"),
        ({"head": "dense", "hidden": (0,)}, "--hidden cannot be 0"),
        ({"head": "dense", "dropout": 1.0}, "dropout"),
    ):
        with pytest.raises(UsageError, match=words):
            options(work, **more)


def test_an_elastic_net_leaves_features_out(work, chips, tmp_path):
    sparse = TrainOptions(backbone=str(work.model), reg_param=0.1, elastic_net=1.0)
    bundle = train([chips], tmp_path / "m.landuse", sparse)
    assert (np.abs(bundle.head.weight) < 1e-6).any(axis=1).any()
    assert bundle.training["head"]["reg_param"] == 0.1
    assert bundle.metrics["accuracy"] > 0.9


def test_a_network_of_another_program_serves_as_backbone(chips, tmp_path):
    from tests.models.test_network_file import convolutions

    file = convolutions(px="s")[0].write(tmp_path / "net.onnx")
    said = TrainOptions(backbone=str(file), preprocess="torch", input_px=24, regularisation=1.0)
    bundle = train([chips], tmp_path / "m.landuse", said)
    assert bundle.metrics["accuracy"] > 0.95
    assert bundle.chip_px == 24
    with pytest.raises(UsageError, match="--preprocess"):
        train([chips], tmp_path / "n.landuse", TrainOptions(backbone=str(file)))
    with pytest.raises(UsageError, match="'caffe', 'tf', 'torch'"):
        TrainOptions(preprocess="keras")


def test_the_card_is_of_the_trained_model_and_not_of_its_backbone(work, folders, tmp_path):
    bundle = train([folders], tmp_path / "m.landuse", options(work))
    assert bundle.card.startswith("# m\n\nA head for 3 classes, trained with `landuse train`")
    assert f"`{work.model.name}`" in bundle.card
    assert str(work.model.parent) not in bundle.card
    held = bundle.training["held_out"]
    assert f"36 samples, {held} of them held back for the figures, 1 more could not be used" in bundle.card
    assert bundle.training["digest"] in bundle.card
    assert "samples of each class: Field 12, Town 12, Water 12" in bundle.card
    assert "- accuracy: " in bundle.card
    assert "licence of the samples and their labels is not recorded" in bundle.card
