"""A small network as head: hidden layers over standardised features, applied with numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from landuse.models.arrays import Floats
from landuse.models.heads import Arrays, Factor, SoftmaxHead


@dataclass(frozen=True, eq=False)
class DenseHead(SoftmaxHead):
    """Layers of weights with ReLU between them.

    Attributes:
        kernels: float32 (D, h1), (h1, h2), ..., (hm, K).
        biases: float32 (h1,), ..., (K,).
        mean: float32 (D,), taken off the features.
        scale: float32 (D,), what they are then divided by; above 0.
        temperature: what the scores are divided by; above 0.
    """

    kernels: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    mean: Floats
    scale: Floats
    temperature: float = 1.0
    kind: ClassVar[Literal["dense"]] = "dense"

    @property
    def feature_count(self) -> int:
        """D."""
        return int(self.kernels[0].shape[0])

    @property
    def class_count(self) -> int:
        """K."""
        return int(self.kernels[-1].shape[1])

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return tuple(len(bias) for bias in self.biases[:-1])

    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K) of the last layer, temperature included."""
        values = (features.astype(np.float32) - self.mean) / self.scale
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            values = np.maximum(values @ kernel + bias, 0)
        return (values.astype(np.float64) @ self.kernels[-1] + self.biases[-1]) / self.temperature

    def scaled(self, scale: Factor, offset: Factor, temperature: float) -> DenseHead:
        """The head with other scores; scale and offset become part of the last layer."""
        last, bias = self.kernels[-1] * scale, self.biases[-1] * scale + offset
        return replace(
            self,
            kernels=(*self.kernels[:-1], last.astype(np.float32)),
            biases=(*self.biases[:-1], bias.astype(np.float32)),
            temperature=temperature,
        )

    def arrays(self) -> Arrays:
        """The layers by number, mean and scale."""
        layers: Arrays = {f"kernel{i}": kernel for i, kernel in enumerate(self.kernels)}
        layers |= {f"bias{i}": bias for i, bias in enumerate(self.biases)}
        return layers | {"mean": self.mean, "scale": self.scale}
