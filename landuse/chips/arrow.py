"""Between NumPy and Arrow without pandas.

pyarrow imports pandas, for half a second, wherever it converts: to see whether it was given something of pandas, or to know its
missing values. Numbers and texts need none of that; they share their memory with Arrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Values = npt.NDArray[Any]


def arrow_array(values: Values | pa.Array) -> pa.Array:
    """Values (n,) as an Arrow array, over the memory of numbers, which must not be changed afterwards; NaN stays NaN."""
    if isinstance(values, pa.Array):
        return values
    if values.dtype.kind not in "iuf":
        return pa.array(values)
    whole = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(whole.dtype), len(whole), [None, pa.py_buffer(whole)])


def text_array(texts: Iterable[str]) -> pa.Array:
    """Texts as an Arrow array."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def named_array(names: Sequence[str], numbers: npt.NDArray[np.integer]) -> pa.Array:
    """The name of each number (n,) as an Arrow array of texts; null where a number is below 0."""
    known = pa.py_buffer(np.packbits(numbers >= 0, bitorder="little"))
    where = pa.py_buffer(np.maximum(numbers, 0).astype(np.int32))
    return text_array(names).take(pa.Array.from_buffers(pa.int32(), len(numbers), [known, where]))


def numbers_of(column: pa.Array | pa.ChunkedArray, missing: float | None = None) -> Values:
    """The numbers of an Arrow column (n,), in place where it is of one piece.

    Args:
        column: of a numeric type.
        missing: stands for nulls; None where there are none.
    """
    if isinstance(column, pa.ChunkedArray):
        pieces = [numbers_of(chunk, missing) for chunk in column.chunks]
        return pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0, column.type.to_pandas_dtype()), *pieces])
    here = slice(column.offset, column.offset + len(column))
    valid, data = column.buffers()
    values: Values = np.frombuffer(data or b"", column.type.to_pandas_dtype())[here]
    if not column.null_count:
        return values
    known = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[here].astype(bool)
    return np.where(known, values, values.dtype.type(missing))
