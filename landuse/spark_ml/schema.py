"""What is checked of a data frame before any work, from its schema alone."""

from __future__ import annotations

from collections.abc import Sequence

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
    StructType,
)

from landuse.errors import UsageError
from landuse.mosaic.picture import CHANNELS
from landuse.spark_ml.columns import IMAGE_FIELDS

NUMBERS = (ShortType, IntegerType, LongType, FloatType, DoubleType)


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
