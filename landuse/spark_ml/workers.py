"""What runs in Spark's Python workers: pictures decoded from files, and models over columns of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import SparkContext
from pyspark.errors import AnalysisException
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql
from pyspark.sql.functions import col, struct, when
from pyspark.sql.types import BinaryType, DataType, IntegerType, StructField, StructType
from pyspark.sql.udf import UserDefinedFunction

from landuse.engine.runner import SharedFile
from landuse.engine.spark_runner import share
from landuse.errors import ModelFileError, SourceNotFoundError, UsageError
from landuse.models.bundle import Bundle, find_bundle
from landuse.models.runtime import Prediction, open_runtime, read_cached
from landuse.mosaic.picture import CHANNELS, decode
from landuse.spark_ml.columns import CLASSES, MODES, PictureStream, classes, vectors
from landuse.text import counted

ColumnFunction = Callable[[pa.Array], pa.Array]
Decoder = Callable[[bytes], npt.NDArray[np.uint8] | None]
"""From a file's bytes to uint8 (height, width) or (height, width, 1, 3 or 4), red first; None where it cannot."""
IMAGE = StructType(
    [
        StructField("height", IntegerType()),
        StructField("width", IntegerType()),
        StructField("nChannels", IntegerType()),
        StructField("mode", IntegerType()),
        StructField("data", BinaryType()),
    ]
)
_NUMBERS = {channels: mode for mode, channels in MODES.items()}
_IMAGE_ARROW = pa.struct(
    [(name, pa.int32()) for name in ("height", "width", "nChannels", "mode")] + [("data", pa.binary())]
)


@dataclass(frozen=True)
class ImageJob:
    """How a column of pictures is run through a model; it travels to the workers.

    Attributes:
        model: the model file.
        threads: of one task's inference.
        shape: of flat arrays.
    """

    model: SharedFile
    threads: int = 1
    shape: tuple[int, ...] | None = None


def find_model(name: str) -> tuple[Path, Bundle]:
    """A model's file and content, for pictures of three colours.

    Raises:
        ModelFileError: no such model, a damaged one, or one of other bands than red, green and blue.
    """
    path = find_bundle(name)
    bundle = read_cached(path)
    if bundle.backbone.channels != 3:
        raise ModelFileError(
            f"Model {name!r} takes {counted(len(bundle.bands), 'band')} ({', '.join(bundle.bands)}), and pictures have three."
        )
    return path, bundle


def image_job(session: SparkSession, path: Path, shape: tuple[int, ...] | None = None) -> ImageJob:
    """A job for the workers of a session; each task's inference has as many threads as Spark gives a task cores."""
    context = context_of(session)
    return ImageJob(share(context, path), int(context.getConf().get("spark.task.cpus", "1") or 1), shape)


def context_of(session: SparkSession) -> SparkContext:
    """The context of a session. Raises `UsageError` for a session of Spark Connect, which has none to send models by."""
    if ".connect." in type(session).__module__:
        raise UsageError(
            "These stages send models to the workers, which Spark Connect cannot: use a classic Spark session."
        )
    return session.sparkContext


def features_function(job: ImageJob) -> UserDefinedFunction:
    """A function of a column of pictures that gives their feature vectors."""
    return column_function(lambda column: _features(job, column), VectorUDT())


def classes_function(job: ImageJob, top: int) -> UserDefinedFunction:
    """A function of a column of pictures that gives their `top` likeliest classes."""
    return column_function(lambda column: _classes(job, top, column), CLASSES)


def column_function(function: ColumnFunction, answer: DataType) -> UserDefinedFunction:
    """A Spark function that hands Arrow columns to `function` as they come, a part of the rows each."""

    def run(columns: Iterator[pa.Array]) -> Iterator[pa.Array]:
        """What Spark calls, once a task."""
        return map(function, columns)

    made: UserDefinedFunction = sql.arrow_udf(run, returnType=answer)  # type: ignore[attr-defined]  # not in its stubs
    return made


def once(function: UserDefinedFunction) -> UserDefinedFunction:
    """The function, run once a row whatever follows: Spark would run it again for a filter on what it gives."""
    return function.asNondeterministic()


def _features(job: ImageJob, column: pa.Array) -> pa.StructArray:
    found, read = predict(job, column)
    return vectors(found.features, read, len(column))


def _classes(job: ImageJob, top: int, column: pa.Array) -> pa.ListArray:
    found, read = predict(job, column)
    return classes(found.probabilities, read_cached(job.model.locate()).legend.names, top, read, len(column))


def predict(job: ImageJob, column: pa.Array) -> tuple[Prediction, list[int]]:
    """What the model says of the readable pictures of a column, and their positions in it."""
    path = job.model.locate()
    bundle = read_cached(path)
    stream = PictureStream(column, bundle.chip_px, job.shape)
    found = list(open_runtime(path, threads=job.threads).predict_stream(iter(stream)))
    if not found:
        none = np.empty((0, bundle.head.class_count), np.float32), np.empty((0, bundle.head.feature_count), np.float32)
        return Prediction(*none), stream.read
    return Prediction(
        np.concatenate([p.probabilities for p in found]), np.concatenate([p.features for p in found])
    ), stream.read


def read_images(
    spark: SparkSession,
    path: str | Path | Sequence[str | Path],
    decoder: Decoder | None = None,
    *,
    recursive: bool = False,
    pattern: str = "*",
    partitions: int | None = None,
) -> DataFrame:
    """Files as pictures: columns `path` (string) and `image` (Spark's image struct, null where a file cannot be read).

    Args:
        spark: the session.
        path: files, folders or globs, on any file system that Spark knows.
        decoder: turns a file's bytes into pixels, in the workers; it says that it cannot by None, `OSError` or `ValueError`.
            None stands for GDAL: JPEG, PNG, TIFF, BMP, GIF, WebP and JPEG 2000 of 8 bits a channel.
        recursive: look into folders of folders too.
        pattern: glob that file names must match.
        partitions: spread the files over so many tasks; None leaves it to Spark.

    Raises:
        SourceNotFoundError: there is no such path.
        UsageError: a number of partitions below 1.
    """
    if partitions is not None and partitions < 1:
        raise UsageError(f"Pictures go into at least one partition, not {partitions}.")
    files = _files(spark, [str(p) for p in ([path] if isinstance(path, str | Path) else path)], recursive, pattern)
    if partitions is not None:
        files = files.repartition(partitions)
    read = decoder or decode
    pixels = once(column_function(lambda contents: decoded(contents, read), IMAGE))
    parts = files.select("path", pixels("content").alias("pixels"))
    origin = struct(col("path").alias("origin"), *(col(f"pixels.{name}").alias(name) for name in IMAGE.names))
    return parts.select("path", when(col("pixels").isNotNull(), origin).alias("image"))


def _files(spark: SparkSession, paths: list[str], recursive: bool, pattern: str) -> DataFrame:
    reader = spark.read.format("binaryFile").option("pathGlobFilter", pattern)
    try:
        return reader.option("recursiveFileLookup", str(recursive).lower()).load(paths).select("path", "content")
    except AnalysisException as error:
        if error.getCondition() != "PATH_NOT_FOUND":
            raise
        raise SourceNotFoundError(f"There is nothing at {', '.join(paths)}: check the path.") from error


def decoded(contents: pa.Array, read: Decoder) -> pa.Array:
    """The image structs, without origin, of files' bytes."""
    return pa.array([_image(content.as_py(), read) for content in contents], _IMAGE_ARROW)


def _image(content: bytes, read: Decoder) -> dict[str, Any] | None:
    try:
        pixels = read(content)
    except (OSError, ValueError):
        return None
    if pixels is None:
        return None
    image = pixels[..., None] if pixels.ndim == 2 else pixels
    if image.ndim != 3 or image.dtype != np.uint8 or image.shape[2] not in CHANNELS or 0 in image.shape:
        raise UsageError(
            f"The decoder gave {pixels.dtype} {pixels.shape}, and pictures are uint8 (height, width, 1, 3 or 4)."
        )
    height, width, channels = image.shape
    blue_first = image if channels == 1 else image[..., [2, 1, 0, 3][:channels]]
    data = np.ascontiguousarray(blue_first).tobytes()
    return {"height": height, "width": width, "nChannels": channels, "mode": _NUMBERS[channels], "data": data}
