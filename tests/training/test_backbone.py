import pytest

from landuse.errors import ModelFileError, UsageError
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.foreign import Declared
from landuse.models.imagenet import PUBLISHED
from landuse.models.preprocess import SIGNED
from landuse.training.backbone import backbone_bundle
from tests.models.test_keras_weights import squeezenet_file
from tests.models.test_onnx_file import PX, chain, write


def test_weights_of_a_file_make_the_features(tmp_path):
    path, weights = squeezenet_file(tmp_path / "w.h5")
    bundle = backbone_bundle("squeezenet", str(path), 0)
    assert bundle.chip_px == 227
    assert bundle.head.feature_count == 512
    assert all((bundle.weights[name] == weights[name]).all() for name in weights)


def test_imagenet_weights_come_from_the_cache_of_keras(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no network")))
    with pytest.raises(ModelFileError, match=rf"no network\): .* --weights {PUBLISHED['vgg16'].file_name}"):
        backbone_bundle("vgg16", "imagenet", 0)
    with pytest.raises(UsageError, match="no ImageNet weights of alexnet"):
        backbone_bundle("alexnet", "imagenet", 0)


def test_what_cannot_be_had_is_said(tmp_path):
    with pytest.raises(UsageError, match="random, imagenet or a file"):
        backbone_bundle("resnet50", None, 0)
    with pytest.raises(UsageError, match="No backbone 'resnet51'"):
        backbone_bundle("resnet51", "random", 0)
    with pytest.raises(ModelFileError, match="no weights file"):
        backbone_bundle("alexnet", str(tmp_path / "absent.h5"), 0)


def test_a_foreign_network_needs_its_preprocessing(tmp_path):
    path = str(write(tmp_path / "mine.onnx", *chain()))
    bundle = backbone_bundle(path, None, 0, Declared(SIGNED))
    assert (bundle.name, bundle.chip_px, bundle.head.feature_count, bundle.preprocess) == ("mine", PX, 16, SIGNED)
    file = write_bundle(bundle, tmp_path / "m")
    assert read_bundle(file).digest == bundle.digest
    with pytest.raises(UsageError, match="say so with --preprocess"):
        backbone_bundle(path, None, 0)
    with pytest.raises(UsageError, match="leave --weights out"):
        backbone_bundle(path, "random", 0, Declared(SIGNED))
