"""Fine-tuning: it begins where transfer learning ended, gets better, goes on after a kill, and ends as an ordinary model."""

import csv
import itertools
import shutil

import numpy as np
import pytest
from PIL import Image

from landuse.errors import UsageError
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.runtime import open_runtime
from landuse.options.training import FineTuneOptions, TrainOptions
from landuse.stages.finetune import fine_tune
from tests.models import small

PX = 32


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Textures whose colours say nothing, and a network that has not seen any."""
    root = tmp_path_factory.mktemp("textures")
    rng = np.random.default_rng(0)
    for name, period in (("fine", 2), ("middle", 4), ("coarse", 8)):
        (root / "data" / name).mkdir(parents=True)
        for i in range(40):
            stripes = (np.indices((PX, PX))[i % 2] + rng.integers(period)) // (period // 2) % 2
            image = 90 + 70 * stripes[..., None] + rng.integers(-30, 31, 3) + rng.integers(-25, 26, (PX, PX, 3))
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(root / "data" / name / f"{i:02}.png")
    small.know_tiny()
    write_bundle(small.bundle(backbone=small.tiny_backbone()), root / "small.landuse")
    yield root
    small.forget_tiny()


def weights_of(bundle):
    return bundle.backbone.variables("x")


def options(work, **more):
    return TrainOptions(backbone=str(work / "small.landuse"), regularisation=1.0, cache=False, **more)


HOW = FineTuneOptions(layers="all", epochs=4, batch=16, learning_rate=5e-3)


def lines(path):
    with path.open(encoding="utf8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def tuned(work, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "m.landuse"
    return fine_tune([work / "data"], out, options(work), HOW), out


def test_the_backbone_learns_and_the_best_epoch_is_kept(work, tuned):
    bundle, out = tuned
    history = lines(out.with_suffix(".history.csv"))
    assert [int(line["epoch"]) for line in history] == list(range(5))
    losses = [float(line["val_loss"]) for line in history]
    assert min(losses) < 0.8 * losses[0]
    assert bundle.training["fine_tuning"]["kept"]["val_loss"] == pytest.approx(min(losses), rel=1e-4)
    assert bundle.metrics["accuracy"] > 0.5
    before = weights_of(read_bundle(work / "small.landuse"))
    assert not np.array_equal(weights_of(bundle)["conv1/kernel"], before["conv1/kernel"])
    assert {"val_f1", "val_precision", "val_recall", "learning_rate"} <= history[0].keys()
    assert Image.open(out.with_suffix(".history.png")).size[0] > 500
    assert sorted(p.name for p in out.parent.iterdir()) == ["m.history.csv", "m.history.png", "m.landuse"]


def test_sides_do_not_meet(tuned):
    training = tuned[0].training
    assert training["fine_tuning"]["fitted"] + training["fine_tuning"]["validated"] + training["held_out"] == 120


def test_it_is_an_ordinary_model(work, tuned):
    """What OpenVINO gives is what the figures were measured on, and TensorFlow gives the same."""
    images = small.images(5)
    answers = [open_runtime(tuned[1], kind=kind).predict(images).probabilities for kind in ("openvino", "tensorflow")]
    assert np.allclose(*answers, atol=1e-4)


def test_batch_norms_stay_as_they_were_unless_asked(work, tuned):
    before = weights_of(read_bundle(work / "small.landuse"))
    norms = [name for name in before if name.startswith("bn")]
    assert norms
    assert all(np.array_equal(weights_of(tuned[0])[name], before[name]) for name in norms)
    assert moved(work, FineTuneOptions(layers="all")) == {"conv1", "depth", "sep", "conv2", "dense_0"}
    assert moved(work, FineTuneOptions(layers="all", train_batch_norm=True)) >= {"conv1", "bn1", "bn2", "bn3"}


def moved(work, how):
    """The layers that one step changes."""
    from landuse.training.network import Device, TrainableNetwork

    bundle = read_bundle(work / "small.landuse")
    network = TrainableNetwork(bundle, bundle.head, how, Device("cpu", "f32"))
    network.step(small.images(8), np.eye(3, dtype=np.float32)[np.arange(8) % 3], 1e-3, (0, 1))
    before, after = weights_of(bundle), network.weights()
    return {name.split("/")[0] for name in after if not np.array_equal(after[name], before[name])}


def test_layers_below_the_chosen_ones_stay_as_they_were(work):
    assert moved(work, FineTuneOptions(layers=1)) == {"dense_0"}


def test_a_run_that_was_killed_goes_on(work, tuned, tmp_path, monkeypatch):
    """What is on the disk in the middle of the third epoch is all that a killed process leaves behind.

    The same command then ends as if nothing had been.
    """
    from landuse.training.network import TrainableNetwork

    out, step, steps = tmp_path / "run" / "m.landuse", TrainableNetwork.step, itertools.count(1)

    def stop(self, *given):
        if next(steps) == 13:
            shutil.copytree(out.parent, tmp_path / "left")
            raise KeyboardInterrupt
        return step(self, *given)

    out.parent.mkdir()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TrainableNetwork, "step", stop)
        fine_tune([work / "data"], out, options(work), HOW)
    shutil.rmtree(out.parent)
    shutil.copytree(tmp_path / "left", out.parent)
    kept = sorted(p.name for p in (out.parent / ".m.landuse.finetune").iterdir())
    assert "epoch-0002.safetensors" in kept
    assert not out.exists()
    found = fine_tune([work / "data"], out, options(work), HOW)
    history, whole = lines(out.with_suffix(".history.csv")), lines(tuned[1].with_suffix(".history.csv"))
    assert [float(h["val_loss"]) for h in history] == pytest.approx([float(w["val_loss"]) for w in whole], rel=1e-3)
    first, second = weights_of(found), weights_of(tuned[0])
    assert all(np.allclose(first[n], second[n], atol=2e-3) for n in first)
    assert not (out.parent / ".m.landuse.finetune").exists()


def test_other_settings_begin_anew(work, tmp_path):
    from landuse.training.epochs import CheckpointStore

    arrays = {"a": np.zeros(2, np.float32)}
    store = CheckpointStore(tmp_path / "c", "one")
    for epoch in range(4):
        store.save(arrays, [{"epoch": epoch}], best=epoch == 1)
    assert store.latest().history == [{"epoch": 3}]
    assert store.best().history == [{"epoch": 1}]
    assert len(list((tmp_path / "c").iterdir())) == 3
    assert CheckpointStore(tmp_path / "c", "two").latest() is None
    (tmp_path / "c" / "epoch-0003.safetensors").write_bytes(b"cut short")
    assert store.latest().history == [{"epoch": 2}]


def test_what_cannot_be_tuned(work, tmp_path):
    out = tmp_path / "m.landuse"
    with pytest.raises(UsageError, match="--holdout above 0"):
        fine_tune([work / "data"], out, options(work, holdout=0.0), HOW)
    with pytest.raises(UsageError, match="has 5 layers, not 40"):
        fine_tune([work / "data"], out, options(work), HOW.changed(layers=40))
    with pytest.raises(UsageError, match="bfloat16"):
        fine_tune([work / "data"], out, options(work), HOW.changed(fine_precision="bf16"))
    write_bundle(small.bundle(), tmp_path / "file.landuse")
    with pytest.raises(UsageError, match=r"came from a file, .* cannot be fine-tuned"):
        fine_tune([work / "data"], out, options(work).changed(backbone=str(tmp_path / "file.landuse")), HOW)
    assert not out.exists()
