"""Principal components of a network's features: few numbers by which one place is told from another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from landuse.models.libraries import Floats, Shape
from landuse.models.safe_files import load_arrays, read_arrays

MOST_COMPONENTS = 32
"""Kept of each chip: 24 to 48 served alike where they were compared (docs/change.md)."""
MOST_CHIPS = 20_000
TINY = 1e-6
STEP, NONE = 16, 128
"""Steps of a byte in a standard deviation, and the byte that stands for 0. The byte 0 stands for no components."""
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Components:
    """From D features to M principal components, which have a deviation of 1 over the chips that they were learnt from.

    Attributes:
        mean: float32 (D,).
        axes: float32 (D, M).
    """

    mean: Floats
    axes: Floats

    @classmethod
    def of(cls, features: Floats) -> Components | None:
        """Those of chips: features (n, D), each brought to a deviation of 1 first. None where all chips are alike."""
        from sklearn.utils.extmath import randomized_svd

        some = features[:: 1 + len(features) // MOST_CHIPS].astype(np.float64)
        mean, deviation = some.mean(axis=0), some.std(axis=0)
        scale = np.where(deviation > TINY, 1 / np.maximum(deviation, TINY), 0.0)
        most = min(MOST_COMPONENTS, len(some) - 1, some.shape[1])
        if most < 1 or not scale.any():
            return None
        _, strengths, axes = randomized_svd((some - mean) * scale, most, random_state=0)
        good = strengths > TINY * strengths[0]
        spread = strengths[good] / np.sqrt(len(some))
        return cls(mean.astype(np.float32), (scale[:, None] * axes[good].T / spread).astype(np.float32))

    @property
    def count(self) -> int:
        """M."""
        return int(self.axes.shape[1])

    def apply(self, features: Floats) -> Floats:
        """Components (n, M) of features (n, D)."""
        return np.asarray((features - self.mean) @ self.axes, np.float32)

    def pack(self) -> bytes:
        """The arrays as safetensors."""
        arrays = {name: np.ascontiguousarray(values) for name, values in asdict(self).items()}  # else they are mixed up
        data: bytes = save(arrays)
        return data

    @classmethod
    def unpack(cls, data: bytes, features: int, where: str) -> Components:
        """Arrays of unknown origin. Raises `ModelFileError` where they are not finite or do not fit so many features."""
        axes = load_arrays(data, where).get("axes")
        count = axes.shape[1] if axes is not None and axes.ndim == 2 else 0
        return cls(**read_arrays(data, {"mean": (features,), "axes": (features, count)}, where))


def largest_shapes(features: int) -> Mapping[str, Shape]:
    """The largest shapes that are packed."""
    return {"mean": (features,), "axes": (features, MOST_COMPONENTS)}


def to_bytes(components: Floats) -> Bytes:
    """Components as a raster keeps them: in sixteenths of a deviation, up to eight to either side; 0 where they are NaN."""
    steps = np.clip(np.rint(components * STEP) + NONE, 1, 255)
    return np.where(np.isnan(components), 0, steps).astype(np.uint8)


def from_bytes(values: Bytes) -> Floats:
    """The components of `to_bytes`."""
    return np.where(values == 0, np.float32(np.nan), (values.astype(np.float32) - NONE) / STEP)
