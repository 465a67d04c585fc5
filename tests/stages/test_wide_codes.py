"""Codes above 255, as CORINE's, from the label raster to the map and to what changed."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
import yaml

from landuse.chips import read_chips
from landuse.options.training import TrainOptions
from landuse.outputs.land_use_map import LandUseMap
from landuse.stages.classify import ClassifyOptions, classify
from landuse.stages.diff import DiffOptions, diff
from landuse.stages.tile import tile
from landuse.stages.train import train
from tests.patchwork import OPTIONS, patchwork

NAMES = {112: "Urban", 311: "Forest", 523: "Sea"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A patchwork labelled with three codes of CORINE, its chips, its model and its map."""
    folder = tmp_path_factory.mktemp("wide")
    work = patchwork(folder / "survey", rows=12, cols=12, halves=1)
    wide = np.array([112, 311, 523], np.uint16)[np.unique(work.codes, return_inverse=True)[1].reshape(work.codes.shape)]
    with rasterio.open(work.labels) as dataset:
        profile = dataset.profile | {"dtype": "int16", "nodata": -9999}
    with rasterio.open(folder / "clc.tif", "w", **profile) as dataset:
        dataset.write(wide.astype(np.int16), 1)
    classes = [{"code": code, "name": name, "color": f"#{code:06x}"} for code, name in NAMES.items()]
    (folder / "clc.yaml").write_text(yaml.safe_dump({"name": "clc", "classes": classes}))
    options = work.tile_options(labels=folder / "clc.tif", legend=str(folder / "clc.yaml"), export="png")
    tile(work.survey, folder / "chips", options)
    train([folder / "chips"], folder / "m.landuse", TrainOptions(backbone=str(work.model), regularisation=1.0))
    classify(work.survey, folder / "map", ClassifyOptions(model=str(folder / "m.landuse"), **OPTIONS))
    return folder, wide


def test_chips_keep_them(made):
    folder, wide = made
    chips = read_chips(folder / "chips")
    assert chips.labels.dtype == np.uint16
    assert sorted(np.unique(chips.labels).tolist()) == sorted(np.unique(wide).tolist())
    assert {p.name for p in (folder / "chips" / "images").iterdir()} == set(NAMES.values())


def test_the_map_holds_them(made):
    folder, wide = made
    with rasterio.open(folder / "map" / "landuse.tif") as dataset:
        assert dataset.dtypes == ("uint16",)
        assert (dataset.read(1) == wide).all()
    land = LandUseMap(folder / "map")
    assert set(land.codes.tolist()) == set(NAMES)
    assert set(pq.read_table(folder / "map" / "chips.parquet")["class"].to_pylist()) == set(NAMES.values())
    polygons = json.loads((folder / "map" / "landuse.geojson").read_text())["features"]
    assert {f["properties"]["code"]: f["properties"]["class"] for f in polygons} == NAMES


def test_a_map_compared_with_the_codes_of_another_producer_shows_no_change(made, tmp_path):
    folder, _ = made
    found = diff([folder / "map", folder / "clc.tif"], tmp_path / "out", DiffOptions(legend=str(folder / "clc.yaml")))
    assert (found.summary["cells"]["compared"], found.summary["cells"]["label_differences"]) == (144, 0)
