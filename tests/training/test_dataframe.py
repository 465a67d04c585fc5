"""Samples of a Spark DataFrame."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pyspark.sql import functions as sql

from landuse.errors import NoOverlapError, UsageError
from landuse.models.bundle import write_bundle
from landuse.scoring import ScoreSettings
from landuse.training.dataframe import FrameColumns, samples_from_dataframe
from landuse.training.reading import read_samples
from landuse.training.samples import SampleSettings
from tests.models import small
from tests.patchwork import COLOURS

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("folders")
    rng = np.random.default_rng(0)
    for name, colour in zip(("Field", "Town"), COLOURS[::2], strict=True):
        (root / name).mkdir()
        for i in range(3):
            noise = rng.integers(-10, 11, (32, 32, 3))
            Image.fromarray((colour + noise).clip(0, 255).astype(np.uint8)).save(root / name / f"{i}.png")
    (root / "Town" / "broken.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return SampleSettings(
        ScoreSettings(write_bundle(small.bundle(), folder / "small"), features=True), None, 0.0, folder
    )


def binary(spark, folders):
    frame = spark.read.format("binaryFile").load(f"{folders}/*/*.png")
    return frame.withColumn("label", sql.regexp_extract("path", r"/(\w+)/[^/]*$", 1))


def test_binary_files_give_what_the_folder_gives(spark, folders, settings):
    frame = binary(spark, folders).withColumn("weight", sql.lit(2)).withColumn("side", sql.lit("train"))
    found = samples_from_dataframe(frame, settings, FrameColumns(weight="weight", split="side", group="label"))
    again = samples_from_dataframe(frame.repartition(3), settings, FrameColumns(weight="weight"))
    known = read_samples([folders], settings)
    assert found.legend.names == known.legend.names
    assert np.array_equal(found.features, again.features)
    assert found.digest == again.digest
    order, expected = np.lexsort(found.features.T), np.lexsort(known.features.T)
    assert np.allclose(found.features[order], known.features[expected], atol=1e-4)
    assert np.array_equal(found.labels[order], known.labels[expected])
    assert found.weights.tolist() == [2] * 6
    assert set(found.marks) == set(known.marks)
    assert not found.layout.sides.any()
    assert set(found.layout.groups) == {"Field", "Town"}
    assert len(found.skipped) == 1
    assert "broken.png" in found.skipped[0]


def test_image_structs_and_lists_of_labels(spark, folders, settings):
    frame = spark.read.format("image").option("dropInvalid", True).load(f"{folders}/*/[0-9].png")
    frame = frame.withColumn(
        "labels", sql.array(sql.regexp_extract("image.origin", r"/(\w+)/[^/]*$", 1), sql.lit("All"))
    )
    found = samples_from_dataframe(frame, settings, FrameColumns(image="image", label="labels"))
    assert found.multi
    assert found.marks is None
    assert found.legend.names == ("All", "Field", "Town")
    assert (found.targets.sum(axis=1) == 2).all()
    known = read_samples([folders], settings)
    assert np.allclose(
        found.features[np.lexsort(found.features.T)], known.features[np.lexsort(known.features.T)], atol=1e-4
    )


def test_columns_that_cannot_be(spark, folders, settings):
    frame = binary(spark, folders)
    with pytest.raises(UsageError, match="'picture'"):
        samples_from_dataframe(frame, settings, FrameColumns(image="picture"))
    with pytest.raises(UsageError, match="'length'"):
        samples_from_dataframe(frame, settings, FrameColumns(label="length"))
    with pytest.raises(UsageError, match="'nowhere'"):
        samples_from_dataframe(frame, settings, FrameColumns(group="nowhere"))
    with pytest.raises(NoOverlapError, match="Not one row"):
        samples_from_dataframe(frame.where("label = 'Sea'"), replace(settings, soft=False))
