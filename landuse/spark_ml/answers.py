"""What models answer, as Arrow columns with a null for each row that could not be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql.types import ArrayType, DoubleType, StringType, StructField, StructType

DENSE = 1
"""The mark of a dense vector in Spark's vector type."""

CLASSES = ArrayType(StructType([StructField("class", StringType()), StructField("probability", DoubleType())]), False)
"""The column type of decoded predictions."""


def vectors(values: npt.NDArray[np.float32], read: Sequence[int], rows: int) -> pa.StructArray:
    """Vectors (n, d) as a column of `rows` rows of Spark's vector type; `read` are the rows that have one."""
    mask, offsets = _places(read, rows, values.shape[1])
    numbers = pa.ListArray.from_arrays(offsets, pa.array(values.ravel(), pa.float64()))
    parts = [
        pa.array(np.full(rows, DENSE), pa.int8()),
        pa.nulls(rows, pa.int32()),
        pa.nulls(rows, pa.list_(pa.int32())),
    ]
    return pa.StructArray.from_arrays([*parts, numbers], ["type", "size", "indices", "values"], mask=mask)


def classes(
    probabilities: npt.NDArray[np.float32], names: Sequence[str], top: int, read: Sequence[int], rows: int
) -> pa.ListArray:
    """The `top` likeliest classes of each row, likeliest first; equal ones in the legend's order."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    shares = np.take_along_axis(probabilities, best, axis=1).ravel()
    mask, offsets = _places(read, rows, best.shape[1])
    named = pa.array(names, pa.string()).take(pa.array(best.ravel()))
    pairs = pa.StructArray.from_arrays([named, pa.array(shares, pa.float64())], ["class", "probability"])
    return pa.ListArray.from_arrays(offsets, pairs, mask=mask)


def _places(read: Sequence[int], rows: int, width: int) -> tuple[pa.Array, pa.Array]:
    """Which rows are null, and where each row's `width` values begin and end."""
    there = np.zeros(rows, bool)
    there[list(read)] = True
    offsets = np.concatenate([[0], np.cumsum(there * width)])
    return pa.array(~there), pa.array(offsets, pa.int32())
