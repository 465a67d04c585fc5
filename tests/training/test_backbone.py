import numpy as np
import pytest

from landuse.errors import ModelFileError, UsageError
from landuse.models.architectures import SIGNED
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.network_file import Declared
from landuse.training.backbone import backbone_bundle
from tests.models.test_keras_files import squeezenet_file
from tests.models.test_network_file import PX, convolutions


def test_weights_of_a_file_make_the_features(tmp_path):
    path, weights = squeezenet_file(tmp_path / "w.h5")
    bundle = backbone_bundle("squeezenet", str(path), 0)
    assert bundle.chip_px == 227
    assert bundle.head.feature_count == 512
    found = bundle.backbone.variables("x")
    assert all(np.allclose(found[name], weights[name], atol=1e-3) for name in weights)


def test_imagenet_weights_that_cannot_be_fetched_are_one_sentence(monkeypatch):
    from landuse.models import keras_networks  # which imports Keras

    def fails(*_, **__):
        try:
            raise OSError("no network")
        except OSError:
            raise Exception("URL fetch failure: no network")  # noqa: B904  # as Keras does

    def mistaken(*_, **__):
        raise AttributeError("a mistake of a program")

    monkeypatch.setattr(keras_networks.keras.src.utils.file_utils, "get_file", fails)
    with pytest.raises(ModelFileError, match=r"no network\): fetch them .* --weights FILE"):
        backbone_bundle("mobilenet", "imagenet", 0)
    monkeypatch.setattr(keras_networks.keras.src.utils.file_utils, "get_file", mistaken)
    with pytest.raises(AttributeError):
        backbone_bundle("mobilenet", "imagenet", 0)
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
    path = str(convolutions()[0].write(tmp_path / "mine.onnx"))
    bundle = backbone_bundle(path, None, 0, Declared(SIGNED))
    assert (bundle.name, bundle.chip_px, bundle.head.feature_count, bundle.preprocess) == ("mine", PX, 8, SIGNED)
    file = write_bundle(bundle, tmp_path / "m")
    assert read_bundle(file).digest == bundle.digest
    with pytest.raises(UsageError, match="say so with --preprocess"):
        backbone_bundle(path, None, 0)
    with pytest.raises(UsageError, match="leave --weights out"):
        backbone_bundle(path, "random", 0, Declared(SIGNED))
