"""Features that are kept: another head of the same backbone runs on them alone, another backbone is refused."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from landuse.chips import read_columns
from landuse.errors import ChipTableError, UsageError
from landuse.models.bundle import write_bundle
from landuse.options.survey import ClassifyOptions
from landuse.scoring.features import FEATURES_FILE
from landuse.stages.classify import classify
from tests.models.small import random_head
from tests.scoring.dense_model import dense_backbone, dense_bundle, place


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    here = place(folder)
    options = ClassifyOptions(model=str(here.model), **here.lattice, keep_features=True)
    classify([here.survey], folder / "map", options)
    return folder, here, options


def test_the_same_head_says_the_same_and_another_what_it_says_of_the_imagery(kept, tmp_path):
    folder, here, options = kept
    _, record = classify([folder / "map"], tmp_path / "again", ClassifyOptions(model=str(here.model)))
    assert (folder / "map" / "landuse.tif").read_bytes() == (tmp_path / "again" / "landuse.tif").read_bytes()
    assert record.details["precision"] == ["features"]
    other = write_bundle(dense_bundle(head=random_head(12, 3, seed=5)), tmp_path / "other.landuse")
    classify([folder / "map"], tmp_path / "fast", ClassifyOptions(model=str(other)))
    classify([here.survey], tmp_path / "slow", options.changed(model=str(other), keep_features=False))
    names = ["p_Field", "p_Water", "p_Town"]
    fast, slow = (read_columns(tmp_path / d, names).to_pandas().to_numpy() for d in ("fast", "slow"))
    assert np.abs(fast - slow).max() < 5e-3
    assert not (tmp_path / "slow" / FEATURES_FILE).exists()


def test_features_are_a_line_a_chip_in_half_precision(kept):
    folder, _, _ = kept
    table = pq.read_table(folder / "map" / FEATURES_FILE)
    assert table.num_rows == 30
    assert table.schema.field("features").type.list_size == 12
    assert str(table.schema.field("features").type.value_type) == "halffloat"


def test_another_backbone_is_refused_in_a_sentence(kept, tmp_path):
    folder, here, _ = kept
    other = write_bundle(dense_bundle(backbone=dense_backbone(1), name="stranger"), tmp_path / "other.landuse")
    with pytest.raises(UsageError, match="another backbone"):
        classify([folder / "map"], tmp_path / "out", ClassifyOptions(model=str(other)))
    with pytest.raises(UsageError, match="not of the cells"):
        classify([folder / "map"], tmp_path / "out", ClassifyOptions(model=str(here.model), cell=8))
    assert not (tmp_path / "out").exists()


def test_a_damaged_table_is_named(kept, tmp_path):
    folder, here, _ = kept
    shutil.copytree(folder / "map", tmp_path / "map")
    path = tmp_path / "map" / FEATURES_FILE
    table = pq.read_table(path)
    pq.write_table(table.slice(3), path)
    with pytest.raises(ChipTableError, match="does not belong"):
        classify([tmp_path / "map"], tmp_path / "out", ClassifyOptions(model=str(here.model)))
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(ChipTableError, match="damaged"):
        classify([tmp_path / "map"], tmp_path / "out", ClassifyOptions(model=str(here.model)))
