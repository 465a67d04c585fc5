"""Columns of data frames: what is checked of their types, pictures that come in, and answers that go out.

Pictures are Spark's image structs, encoded files, or arrays of numbers. An answer is null for a row that could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import Column
from pyspark.sql.functions import col, when
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    StructField,
    StructType,
)

from landuse.errors import UsageError
from landuse.mosaic.picture import CHANNELS, Picture, batches, decode, fit

IMAGE_FIELDS = ("origin", "height", "width", "nChannels", "mode", "data")
MODES = {0: 1, 16: 3, 24: 4}
"""OpenCV's numbers for 8-bit pictures, which Spark uses, and their channels."""
BATCH = 16
"""Pictures of one batch."""
Numbers = npt.NDArray[np.generic]
DENSE = 1
"""The mark of a dense vector in Spark's vector type."""
CLASSES = ArrayType(StructType([StructField("class", StringType()), StructField("probability", DoubleType())]), False)
"""The column type of decoded predictions."""
NUMBERS = (ShortType, IntegerType, LongType, FloatType, DoubleType)


@dataclass
class PictureStream:
    """The readable pictures of a column as batches, each uint8 (n, px, px, 3); remembers which they were.

    Attributes:
        column: the pictures.
        px: side of the square that each is brought to.
        shape: (height, width) or (height, width, channels) of flat arrays.
        read: positions of those that could be read, complete when all batches are drawn.
    """

    column: pa.Array
    px: int
    shape: Sequence[int] | None = None
    read: list[int] = field(default_factory=list)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        return batches(self._readable(), BATCH)

    def _readable(self) -> Iterator[Picture]:
        for position, picture in enumerate(pictures(self.column, self.px, self.shape)):
            if picture is not None:
                self.read.append(position)
                yield picture


def pictures(column: pa.Array, px: int, shape: Sequence[int] | None = None) -> Iterator[Picture | None]:
    """Each picture of a column as uint8 (px, px, 3), red first; None where it is null or cannot be read.

    Raises:
        UsageError: the column holds something else than pictures, or flat arrays without a shape.
    """
    read = _reader(column.type, px, shape)
    for scalar in column:
        yield read(scalar) if scalar.is_valid else None


def _reader(kind: pa.DataType, px: int, shape: Sequence[int] | None) -> Callable[[pa.Scalar], Picture | None]:
    if pa.types.is_struct(kind) and {kind.field(i).name for i in range(kind.num_fields)} >= set(IMAGE_FIELDS):
        return partial(_from_struct, px)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return lambda scalar: decode(scalar.as_py(), px)
    if _is_list(kind) and (shape is not None or _is_list(kind.value_type)):
        return partial(_from_numbers, px, shape)
    raise UsageError(f"A column of {kind} holds no pictures; give image structs, encoded files or nested arrays.")


def _from_struct(px: int, image: pa.Scalar) -> Picture | None:
    """A picture from Spark's image struct, whose channels stand blue first."""
    height, width, channels, mode = (image[name].as_py() for name in ("height", "width", "nChannels", "mode"))
    data = image["data"].as_buffer() if image["data"].is_valid else b""
    whole = None not in (height, width) and min(height, width) > 0 and MODES.get(mode) == channels
    if not whole or len(data) != height * width * channels:
        return None
    pixels = np.frombuffer(data, np.uint8).reshape(height, width, channels)
    return fit(pixels if channels == 1 else pixels[..., 2::-1], px)


def _from_numbers(px: int, shape: Sequence[int] | None, array: pa.Scalar) -> Picture | None:
    """A picture from numbers 0 to 255, red first: nested arrays, or a flat one of a given shape."""
    numbers = dense(array.values)
    if numbers is None:
        return None
    if numbers.ndim == 1 and shape is not None:
        if numbers.size != np.prod(shape):
            return None
        numbers = numbers.reshape(tuple(shape))
    image = _as_bytes(numbers[..., None] if numbers.ndim == 2 else numbers)
    if image is None or image.ndim != 3 or image.shape[2] not in CHANNELS:
        return None
    return fit(image, px)


def dense(values: pa.Array) -> Numbers | None:
    """The numbers of nested lists as an array; None where there are none, where one is null or where rows differ in length."""
    shape = [len(values)]
    while _is_list(values.type):
        lengths = set(values.value_lengths().to_pylist())
        if len(lengths) != 1 or None in lengths:
            return None
        shape.append(lengths.pop())
        values = values.flatten()
    if values.null_count or not len(values):
        return None
    numbers: Numbers = values.to_numpy(zero_copy_only=False)
    return numbers.reshape(shape)


def _as_bytes(numbers: npt.NDArray[Any]) -> npt.NDArray[np.uint8] | None:
    """Numbers rounded to uint8; None where one lies outside 0 to 255 or is no number, or where they are of 0 to 1."""
    low, high = numbers.min(), numbers.max()
    if not (low >= 0 and high <= 255):  # false for NaN too
        return None
    if high <= 1 and (numbers % 1).any():  # they would all be black
        return None
    rounded: npt.NDArray[np.uint8] = np.rint(numbers).astype(np.uint8)
    return rounded


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


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


def column(name: str) -> Column:
    """The column of exactly this name, whatever characters it has."""
    return col("`" + name.replace("`", "``") + "`")


def input_type(schema: StructType, name: str) -> DataType:
    """The type of a column. Raises `UsageError` where there is none of that name."""
    for one in schema.fields:
        if one.name.lower() == name.lower():
            return one.dataType
    raise UsageError(f"There is no column {name!r} in the data frame; it has {', '.join(schema.names) or 'none'}.")


def numbers(schema: StructType, name: str) -> Column:
    """A column of numbers or arrays as it is, one of vectors as arrays. Raises `UsageError` where there is none."""
    kind, one = input_type(schema, name), column(name)
    return when(one.isNotNull(), vector_to_array(one)) if isinstance(kind, VectorUDT) else one


def refuse_existing(schema: StructType, *names: str) -> None:
    """Raise `UsageError` where an output column would take the place of one that is there, or of another output."""
    taken = {name.lower() for name in schema.names}
    for name in names:
        if name.lower() in taken:
            raise UsageError(f"The data frame has a column {name!r} already; name another output column or drop it.")
        taken.add(name.lower())


def check_pictures(schema: StructType, name: str, shape: Sequence[int] | None) -> None:
    """Raise `UsageError` unless a column can hold pictures."""
    kind = input_type(schema, name)
    if isinstance(kind, BinaryType) or is_image(kind):
        return
    depth, inner = 0, kind
    while isinstance(inner, ArrayType):
        depth, inner = depth + 1, inner.elementType
    if depth not in (1, 2, 3) or not isinstance(inner, NUMBERS):
        raise UsageError(
            f"Column {name!r} is {kind.simpleString()}, and pictures are image structs, binary files, "
            "or arrays of short, int, long, float or double."
        )
    if depth == 1 and shape is None:
        raise UsageError(f"Column {name!r} holds flat arrays; give inputShape=[height, width, channels].")


def check_shape(shape: Sequence[int] | None) -> None:
    """Raise `UsageError` unless a shape is (height, width) or (height, width, 1, 3 or 4)."""
    if shape is None:
        return
    sound = len(shape) in (2, 3) and min(shape) > 0 and (len(shape) == 2 or shape[2] in CHANNELS)
    if not sound:
        raise UsageError(f"inputShape is [height, width] or [height, width, 1, 3 or 4 channels], not {list(shape)}.")


def is_image(kind: DataType) -> bool:
    """Whether a type is Spark's image struct."""
    return isinstance(kind, StructType) and set(kind.names) >= set(IMAGE_FIELDS)


def is_numbers(kind: DataType) -> bool:
    """Whether a type is a vector, or an array of numbers of any depth."""
    while isinstance(kind, ArrayType):
        kind = kind.elementType
        if isinstance(kind, NUMBERS):
            return True
    return isinstance(kind, VectorUDT)
