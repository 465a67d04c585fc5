"""What happens to a uint8 image before the first convolution."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]


class Preprocess(BaseModel):
    """x -> (x * scale - mean) / std, after the channels were put in order. It becomes part of the inference graph.

    Attributes:
        order: "rgb" keeps the order of the bands, "bgr" reverses it.
        scale: factor on the 0 to 255 values.
        mean: one value, or one a channel, in the new order.
        std: one value, or one a channel, in the new order; never 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: Literal["rgb", "bgr"] = "rgb"
    scale: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    mean: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=64)] = (0.0,)
    std: Annotated[tuple[Annotated[float, Field(gt=0, le=1e6)], ...], Field(min_length=1, max_length=64)] = (1.0,)

    @model_validator(mode="after")
    def _same_length(self) -> Preprocess:
        if len({len(self.mean), len(self.std)} - {1}) > 1:
            raise ValueError("mean and std have different lengths")
        return self

    def fits(self, channels: int) -> bool:
        """Whether it can be applied to images of so many channels."""
        return {len(self.mean), len(self.std)} <= {1, channels}

    def affine(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Factor and offset, each (1,) or (C,): x -> x * factor + offset, in the new channel order."""
        std = np.asarray(self.std, np.float64)
        factor, offset = self.scale / std, -np.asarray(self.mean, np.float64) / std
        return factor.astype(np.float32), offset.astype(np.float32)

    def apply(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The prepared images, float32 of the same shape (..., C). The graphs do the same."""
        ordered = images[..., ::-1] if self.order == "bgr" else images
        factor, offset = self.affine()
        return ordered.astype(np.float32) * factor + offset


SIGNED = Preprocess(mean=(127.5,), std=(127.5,))
"""-1 to 1, red first: our own backbones."""

LITE = Preprocess(mean=(127.0,), std=(128.0,))
"""-1 to 1 around 127, red first: EfficientNet-Lite."""

HALVED = Preprocess(mean=(128.0,), std=(128.0,))
"""-1 to 1 around 128, red first: EfficientNetV2 S, M and L in Keras applications."""

CAFFE = Preprocess(order="bgr", mean=(103.939, 116.779, 123.68))
"""Blue first, ImageNet means taken off: ResNet50 and VGG in Keras applications."""

TORCH = Preprocess(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""0 to 1, red first, ImageNet means and deviations: torchvision."""

PREPROCESSING = MappingProxyType({"caffe": CAFFE, "tf": SIGNED, "torch": TORCH, "none": Preprocess()})
"""The usual ways of preparing an image, by the names that Keras applications gives them; ``none`` leaves 0 to 255."""
