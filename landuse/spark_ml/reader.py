"""Folders of picture files as data frames of Spark's image struct, decoded by GDAL or by a function of yours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, struct, when
from pyspark.sql.types import BinaryType, IntegerType, StructField, StructType

from landuse.errors import SourceNotFoundError, UsageError
from landuse.mosaic.picture import CHANNELS, decode
from landuse.spark_ml.columns import MODES
from landuse.spark_ml.inference import column_function, once

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


_IMAGE_ARROW = pa.struct(
    [(name, pa.int32()) for name in ("height", "width", "nChannels", "mode")] + [("data", pa.binary())]
)


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
