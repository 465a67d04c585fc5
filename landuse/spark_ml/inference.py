"""What runs in Spark's Python workers for models of this package, and the functions of columns made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import SparkSession
from pyspark.sql.functions import arrow_udf  # type: ignore[attr-defined]  # not in its stubs
from pyspark.sql.types import DataType
from pyspark.sql.udf import UserDefinedFunction

from landuse.engine.spark_runner import share
from landuse.engine.task import SharedFile
from landuse.errors import ModelFileError
from landuse.models.bundle import Bundle, find_bundle
from landuse.models.runtime import Prediction, open_runtime, read_cached
from landuse.spark_ml.columns import CLASSES, PictureStream, classes, vectors
from landuse.text import counted

ColumnFunction = Callable[[pa.Array], pa.Array]


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
    context = session.sparkContext
    return ImageJob(share(context, path), int(context.getConf().get("spark.task.cpus", "1") or 1), shape)


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

    made: UserDefinedFunction = arrow_udf(run, returnType=answer)
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
