"""All bands: a model of four bands from chips of four, and surveys that lack one."""

import numpy as np
import pytest
import rasterio

from landuse.errors import BandsError
from landuse.models.bundle import read_bundle
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.options.training import TrainOptions
from landuse.stages.classify import classify
from landuse.stages.tile import tile
from landuse.stages.train import train
from tests.patchwork import OPTIONS

ALL = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def four(work, tmp_path_factory):
    """The survey as grey pictures whose fourth band alone tells the classes apart."""
    folder = tmp_path_factory.mktemp("four")
    for path in work.survey:
        with rasterio.open(path) as source:
            values, profile = source.read(), source.profile
        grey = np.full_like(values[:1], 120)
        with rasterio.open(folder / path.name, "w", **profile | {"count": 4, "photometric": None}) as target:
            target.write(np.concatenate([grey, grey, grey, values[:1]]))
    return sorted(folder.glob("*.tif"))


@pytest.fixture(scope="module")
def model(work, four, tmp_path_factory):
    out = tmp_path_factory.mktemp("four_model")
    labels = TileOptions(**OPTIONS, labels=work.labels, legend=str(work.legend), bands=ALL)
    tile(four, out / "chips", labels)
    train([out / "chips"], out / "m.landuse", TrainOptions(backbone=str(work.model), regularisation=1.0))
    return out / "m.landuse"


def test_the_fourth_band_tells_what_the_network_cannot_see(work, four, model, tmp_path):
    bundle = read_bundle(model)
    assert bundle.bands == ("red", "green", "blue", "nir")
    assert bundle.backbone.channels == 4
    classify(four, tmp_path / "map", ClassifyOptions(model=str(model), bands=ALL, **OPTIONS))
    with rasterio.open(tmp_path / "map" / "landuse.tif") as raster:
        assert np.array_equal(raster.read(1), work.codes)


def test_a_survey_without_its_bands_is_refused_in_a_sentence(work, model, tmp_path):
    with pytest.raises(BandsError, match=r"reads 4 bands \(red, green, blue, nir\).*gives 3; choose them with --bands"):
        classify(work.survey, tmp_path / "map", ClassifyOptions(model=str(model), **OPTIONS))


def test_bands_are_named_as_the_files_describe_them(four, work, tmp_path):
    for path in four:
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        with rasterio.open(copy, "r+") as target:
            for number, text in enumerate(("blue", "green", "red", "infrared"), 1):
                target.set_band_description(number, text)
    labels = TileOptions(**OPTIONS, labels=work.labels, legend=str(work.legend), bands=ALL)
    tile(sorted(tmp_path.glob("*.tif")), tmp_path / "chips", labels)
    bundle = train([tmp_path / "chips"], tmp_path / "m.landuse", TrainOptions(backbone=str(work.model)))
    assert bundle.bands == ("blue", "green", "red", "nir")


def test_bands_that_are_not_named_are_refused(four, work, tmp_path):
    labels = TileOptions(**OPTIONS, labels=work.labels, legend=str(work.legend), bands=ALL)
    tile(four, tmp_path / "chips", labels)
    names = ("red", "green", "blue")
    with pytest.raises(BandsError, match="4 bands, and 3 are named"):
        train([tmp_path / "chips"], tmp_path / "m.landuse", TrainOptions(backbone=str(work.model), band_names=names))
