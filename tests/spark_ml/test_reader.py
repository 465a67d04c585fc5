import numpy as np
import pyarrow as pa
import pytest

from landuse.errors import SourceNotFoundError, UsageError
from landuse.spark_ml import read_images
from landuse.spark_ml.workers import decoded
from tests.spark_ml.made import encoded, picture


def reversed_bytes(content: bytes) -> np.ndarray | None:
    """A format of our own: height, width, then grey pixels."""
    if content[:1] == b"?":
        return None
    height, width = content[:2]
    return np.frombuffer(content[2:], np.uint8).reshape(height, width)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.png").write_bytes(encoded(picture(1, 5, 7)))
    (tmp_path / "b.png").write_bytes(b"no picture")
    (tmp_path / "c.txt").write_bytes(b"notes")
    (tmp_path / "deep" / "d.png").write_bytes(encoded(picture(2, 6, 4, 4)))
    return tmp_path


@pytest.mark.spark
def test_files_become_spark_s_image_struct(spark, folder):
    from pyspark.ml.image import ImageSchema

    frame = read_images(spark, folder, pattern="*.png", recursive=True, partitions=2)
    assert frame.rdd.getNumPartitions() == 2
    assert frame.schema["image"].dataType.names == ImageSchema.imageFields
    found = {row["path"][-5:]: row["image"] for row in frame.collect()}
    assert found.keys() == {"a.png", "b.png", "d.png"}
    assert found["b.png"] is None
    assert found["a.png"]["origin"].endswith("/a.png")
    assert found["a.png"]["mode"] == ImageSchema.ocvTypes["CV_8UC3"]
    assert (ImageSchema.toNDArray(found["a.png"])[..., ::-1] == picture(1, 5, 7)).all()
    assert (ImageSchema.toNDArray(found["d.png"])[..., ::-1] == picture(2, 6, 4, 4)[..., :3]).all()


@pytest.mark.spark
def test_a_decoder_of_one_s_own(spark, tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes([2, 3, 0, 1, 2, 3, 4, 5]))
    (tmp_path / "b.raw").write_bytes(b"?")
    (tmp_path / "c.raw").write_bytes(bytes([9, 9, 1]))  # numpy raises ValueError
    found = {row["path"][-5:]: row["image"] for row in read_images(spark, tmp_path, reversed_bytes).collect()}
    assert bytes(found["a.raw"]["data"]) == bytes(range(6))
    assert (found["a.raw"]["height"], found["a.raw"]["width"], found["a.raw"]["nChannels"]) == (2, 3, 1)
    assert found["b.raw"] is None
    assert found["c.raw"] is None


@pytest.mark.spark
def test_each_file_is_decoded_once(spark, folder):
    frame = read_images(spark, folder).where("image is not null").where("image.height > 2")
    assert frame._jdf.queryExecution().executedPlan().toString().count("ArrowEvalPython") == 1


@pytest.mark.spark
def test_mistakes(spark, tmp_path):
    with pytest.raises(SourceNotFoundError, match="nothing at"):
        read_images(spark, tmp_path / "absent")
    with pytest.raises(UsageError, match="at least one partition"):
        read_images(spark, tmp_path, partitions=0)


@pytest.mark.parametrize("shape", [(2, 3, 2), (3,), (0, 3, 3), (1, 2, 3, 4)])
def test_a_decoder_that_gives_no_picture_is_told_so(shape):
    with pytest.raises(UsageError, match="The decoder gave"):
        decoded(pa.array([b"x"]), lambda content: np.zeros(shape, np.uint8))
    with pytest.raises(UsageError, match="float64"):
        decoded(pa.array([b"x"]), lambda content: np.zeros((2, 2)))
