"""Arrays from safetensors of unknown origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from landuse.errors import ModelFileError
from landuse.models.arrays import Shape, number_count

HEADER_ROOM = 1_000_000


def arrays_room(shapes: Mapping[str, Shape]) -> int:
    """The most bytes that safetensors of these shapes can have."""
    return 4 * number_count(shapes.values()) + HEADER_ROOM


def load_arrays(data: bytes, where: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays by name, of any shape and type. Raises `ModelFileError` where the data are damaged."""
    try:
        arrays: dict[str, npt.NDArray[Any]] = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelFileError(f"{where} is damaged: get the model file again.") from error
    return arrays


def check_finite(data: bytes, where: str) -> None:
    """Raise `ModelFileError` where safetensors are damaged, or hold values that are not finite numbers."""
    for name, array in load_arrays(data, where).items():
        if array.dtype.kind == "f" and array.size > 1 and not np.isfinite(array).all():  # single ones mask attention
            raise ModelFileError(f"{where}: array {name[:100]} holds values that are not finite numbers.")


def read_arrays(
    data: bytes, shapes: Mapping[str, Shape], where: str, integers: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Arrays of exactly these names and shapes, as float32; int32 those of the names `integers`.

    Raises:
        ModelFileError: for any others, and for values that are not finite.
    """
    arrays = load_arrays(data, where)
    if arrays.keys() != shapes.keys():
        odd = sorted(arrays.keys() ^ shapes.keys())[0]
        raise ModelFileError(f"{where} does not fit its network: see the array {odd[:100]!r}.")
    for name, array in arrays.items():
        whole = name in integers
        if array.shape != shapes[name] or array.dtype not in ((np.int32,) if whole else (np.float16, np.float32)):
            wanted = "int32" if whole else "float"
            raise ModelFileError(f"{where}: array {name} is {array.dtype} {array.shape}, not {wanted} {shapes[name]}.")
        if not np.isfinite(array).all():
            raise ModelFileError(f"{where}: array {name} holds values that are not finite numbers.")
    return {name: array if name in integers else array.astype(np.float32, copy=False) for name, array in arrays.items()}
