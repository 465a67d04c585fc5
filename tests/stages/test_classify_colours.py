"""classify: a survey in other light is read in the colours that the model learnt from."""

import numpy as np
import pytest
import rasterio
from PIL import Image

from landuse.errors import UsageError
from landuse.models.bundle import read_bundle
from landuse.options.survey import ClassifyOptions
from landuse.options.training import TrainOptions
from landuse.stages.classify import classify
from landuse.stages.forecast import forecast
from landuse.stages.train import train
from tests.patchwork import COLOURS, OPTIONS


@pytest.fixture(scope="module")
def dark(work, tmp_path_factory):
    """The survey by a darker camera."""
    folder = tmp_path_factory.mktemp("dark")
    for path in work.survey:
        with rasterio.open(path) as source:
            values, profile = source.read(), source.profile
        darker = np.where(values > 0, np.maximum(1, np.rint(values * 0.4 + 5)), 0).astype(np.uint8)
        with rasterio.open(folder / path.name, "w", **profile) as target:
            target.write(darker)
    return sorted(folder.glob("*.tif"))


def right(work, model, survey, out, normalise):
    _, record = classify(survey, out, ClassifyOptions(model=str(model), normalise=normalise, **OPTIONS))
    with rasterio.open(out / "landuse.tif") as raster:
        return float((raster.read(1) == work.codes).mean()), record.details["colours"]


def test_a_darker_survey_is_read_right(work, learnt, dark, tmp_path):
    plain, _ = right(work, learnt, dark, tmp_path / "none", "none")
    mapped, colours = right(work, learnt, dark, tmp_path / "auto", "auto")
    assert plain < 0.8
    assert mapped > 0.97, (plain, mapped, colours)
    assert colours["recoloured"]
    assert colours["distance_after"] < 4 < colours["distance_before"]
    assert colours["why"].startswith("Colours were brought to those of the training survey")


def test_the_training_survey_stays_as_it_is(work, learnt, tmp_path):
    share, colours = right(work, learnt, work.survey, tmp_path / "same", "auto")
    assert share == 1
    assert not colours["recoloured"]


def test_class_folders_have_no_colours_to_bring_to(work, tmp_path):
    for name, colour in zip("ab", COLOURS, strict=False):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(8):
            picture = np.broadcast_to(colour + np.uint8(number), (32, 32, 3))
            Image.fromarray(np.ascontiguousarray(picture)).save(tmp_path / "images" / name / f"{number}.png")
    model = tmp_path / "m.landuse"
    train([tmp_path / "images"], model, TrainOptions(backbone=str(work.model)))
    assert read_bundle(model).palette is None
    with pytest.raises(UsageError, match="learnt from single images"):
        right(work, model, work.survey, tmp_path / "map", "quantile")


def test_features_of_a_darker_survey_are_brought_too(work, learnt, dark, tmp_path):
    assert read_bundle(learnt).survey_features is not None
    auto = ClassifyOptions(model=str(learnt), **OPTIONS)
    assert forecast(dark, tmp_path / "auto", auto).looked_at == 128
    assert forecast(work.survey, tmp_path / "auto", auto).looked_at == 0
    _, colours = right(work, learnt, dark, tmp_path / "auto", "auto")
    assert colours["features_of_chips"] == 128
    assert "So were the features" in colours["why"]
    _, colours = right(work, learnt, dark, tmp_path / "quantile", "quantile")
    assert colours["features_of_chips"] is None
    assert "eatures" not in colours["why"]
