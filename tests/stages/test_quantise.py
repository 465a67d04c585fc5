"""8 bits: measured, compared, kept in the file, refused where labels change."""

from dataclasses import replace

import numpy as np
import pytest

import landuse.stages.models as stage
from landuse.errors import OutputExistsError, QuantisationError, UsageError
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.heads_linear import fit_logistic
from landuse.models.quantisation import fed, measure, unmeasured
from landuse.models.runtime import OpenVinoRuntime, choose_precision
from landuse.options.results import QuantiseOptions
from landuse.options.survey import TileOptions
from landuse.stages.models import quantise
from landuse.stages.tile import tile
from tests.models.small import bundle, images
from tests.scoring.dense_model import dense_bundle, place


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantise")
    here = place(folder, 6, 8)
    tile([here.survey], folder / "chips", TileOptions(chip_m=56, chip_px=56))
    return folder, here


def test_a_model_is_written_with_its_ranges_and_runs_in_8_bits(made):
    folder, _ = made
    calm = replace(dense_bundle().head, biases=(np.array([3, 0, -3], np.float32),))
    model = write_bundle(dense_bundle(head=calm), folder / "calm.landuse")
    found = quantise(model, [folder / "chips"], folder / "narrow.landuse", QuantiseOptions(chips=16))
    narrow = read_bundle(folder / "narrow.landuse")
    assert narrow.quantisation == found
    assert set(found.ranges) == set(fed(dense_bundle().backbone.graph()))
    assert found.agreement >= 0.99
    assert (found.chips, found.held_back) == (16, 32)
    batch = images(4, 56)
    eight, plain = OpenVinoRuntime(narrow, "int8"), OpenVinoRuntime(narrow, "f32")
    assert eight.precision == "int8"
    difference = np.abs(eight.predict(batch).features - plain.predict(batch).features)
    assert 0 < difference.max() < 0.1 * np.abs(plain.predict(batch).features).max()
    with pytest.raises(OutputExistsError):
        quantise(model, [folder / "chips"], folder / "narrow.landuse", QuantiseOptions())


def test_a_model_whose_labels_change_is_refused_with_the_figure(made, monkeypatch):
    folder, _ = made
    batch = stage.drawn_images(dense_bundle(), [folder / "chips"], QuantiseOptions())
    features = OpenVinoRuntime(dense_bundle(), "f32").predict(batch).features
    bright = (features[:, 0] > np.median(features[:, 0])).astype(int)
    head = fit_logistic(features, bright, class_count=3, C=100)
    model = write_bundle(dense_bundle(head=head), folder / "sharp.landuse")
    monkeypatch.setattr(stage, "measure", lambda *_: Crushed())
    with pytest.raises(QuantisationError, match=r"\d+\.\d\d% of 24 held-back chips .* 99% is asked for"):
        quantise(model, [folder / "chips"], folder / "no.landuse", QuantiseOptions(chips=24))
    assert not (folder / "no.landuse").exists()


class Crushed:
    """Ranges so narrow that the network sees nothing."""

    def ranges(self, share):
        return dict.fromkeys(fed(dense_bundle().backbone.graph()), (0.0, 1e-5))


def test_8_bits_are_only_taken_where_they_are_asked_for_and_known():
    assert choose_precision("auto", ["FP32", "INT8"]) == "f32"
    assert choose_precision("auto", ["FP32", "BF16", "INT8"]) == "bf16"
    with pytest.raises(UsageError, match="landuse quantise"):
        OpenVinoRuntime(bundle(), "int8")


def test_every_kind_of_node_can_stand_beside_8_bits():
    model = bundle()
    found = measure(model.backbone.graph(), model.name, [images(12)])
    assert set(fed(model.backbone.graph())) == set(found.names)
    ranges = found.ranges(1.0)
    assert all(low < high for low, high in ranges.values())
    rounded = replace(model, quantisation=unmeasured(ranges))
    plain, eight = OpenVinoRuntime(model, "f32"), OpenVinoRuntime(rounded, "int8")
    difference = np.abs(plain.predict(images(8)).probabilities - eight.predict(images(8)).probabilities)
    assert difference.max() < 0.05


def test_too_few_chips_are_refused(made, tmp_path):
    here = place(tmp_path, 2, 3)
    tile([here.survey], tmp_path / "chips", TileOptions(chip_m=56, chip_px=56))
    with pytest.raises(UsageError, match="20 are needed"):
        quantise(here.model, [tmp_path / "chips"], tmp_path / "out.landuse", QuantiseOptions())
