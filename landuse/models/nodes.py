"""The kinds of node that a network has: what each reads, its weights and the shape of what it makes.

Tensors are (N, H, W, C). Padding "same" is TensorFlow's (the odd row goes to the bottom and the right). Weights have
Keras' names and layouts: kernels (h, w, in, out), depthwise kernels (h, w, in, 1), dense kernels (in, out).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,80}$")]
Width = Annotated[int, Field(ge=1, le=16_384)]
Extent = Annotated[int, Field(ge=1, le=31)]
Kernel = Extent | Annotated[tuple[Extent, Extent], Field(strict=False)]
Step = Annotated[int, Field(ge=1, le=8)]
Border = Annotated[int, Field(ge=0, le=64)]
Padding = Literal["same", "valid"]
Shape = tuple[int, ...]
"""(H, W, C) of a feature map, or (C,) of a vector; the batch is left out."""


class BaseNode(BaseModel):
    """One step of a network: reads the outputs of `inputs`, and is known by `name`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name
    inputs: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1, strict=False)]

    def weights(self, shapes: list[Shape]) -> dict[str, Shape]:
        """Shape of each weight of this node, given the shapes of its inputs."""
        return {}

    def shape(self, shapes: list[Shape]) -> Shape:
        """Shape of the output, given the shapes of the inputs."""
        return shapes[0]


class Window(BaseNode):
    """A node that looks at a neighbourhood of each position: a square of side `kernel`, or (height, width)."""

    kernel: Kernel
    stride: Step = 1
    padding: Padding = "same"

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the neighbourhood."""
        return (self.kernel, self.kernel) if isinstance(self.kernel, int) else self.kernel

    def shape(self, shapes: list[Shape]) -> Shape:
        """Height and width after the stride, channels unchanged."""
        height, width, channels = _is_map(self, shapes[0])
        return self._reach(height, self.sides[0]), self._reach(width, self.sides[1]), channels

    def _reach(self, side: int, kernel: int) -> int:
        size = -(-side // self.stride) if self.padding == "same" else (side - kernel) // self.stride + 1
        if size < 1:
            raise ValueError(f"node {self.name} shrinks {side} pixels to nothing")
        return size


class Conv(Window):
    """Two-dimensional convolution."""

    op: Literal["conv"] = "conv"
    filters: Width
    bias: bool = False

    def weights(self, shapes: list[Shape]) -> dict[str, Shape]:
        """Kernel (h, w, in, out) and, if there is one, bias (out,)."""
        kernel = {"kernel": (*self.sides, _is_map(self, shapes[0])[2], self.filters)}
        return kernel | ({"bias": (self.filters,)} if self.bias else {})

    def shape(self, shapes: list[Shape]) -> Shape:
        """Height and width after the stride, with `filters` channels."""
        return (*super().shape(shapes)[:2], self.filters)


class DepthwiseConv(Window):
    """Convolution of each channel by itself."""

    op: Literal["depthwise_conv"] = "depthwise_conv"
    bias: bool = False

    def weights(self, shapes: list[Shape]) -> dict[str, Shape]:
        """Kernel (h, w, in, 1) and, if there is one, bias (in,)."""
        channels = _is_map(self, shapes[0])[2]
        kernel: dict[str, Shape] = {"kernel": (*self.sides, channels, 1)}
        return kernel | ({"bias": (channels,)} if self.bias else {})


class MaxPool(Window):
    """Largest value of the neighbourhood; padding never wins."""

    op: Literal["max_pool"] = "max_pool"


class AveragePool(Window):
    """Mean of the neighbourhood; padding is not counted."""

    op: Literal["average_pool"] = "average_pool"


class BatchNorm(BaseNode):
    """Batch normalisation with its running statistics."""

    op: Literal["batch_norm"] = "batch_norm"
    epsilon: Annotated[float, Field(gt=0, le=1)] = 1e-3
    scale: bool = True

    def weights(self, shapes: list[Shape]) -> dict[str, Shape]:
        """Beta, moving mean and moving variance, and gamma unless `scale` is off; each (C,)."""
        names = (*(["gamma"] if self.scale else []), "beta", "moving_mean", "moving_variance")
        return dict.fromkeys(names, shapes[0][-1:])


class Activation(BaseNode):
    """A function of each value by itself."""

    op: Literal["activation"] = "activation"
    function: Literal["relu", "relu6", "swish", "sigmoid", "tanh"] = "relu"


class Pad(BaseNode):
    """Zeros around a feature map."""

    op: Literal["pad"] = "pad"
    top: Border
    bottom: Border
    left: Border
    right: Border

    def shape(self, shapes: list[Shape]) -> Shape:
        """The feature map with its borders."""
        height, width, channels = _is_map(self, shapes[0])
        return height + self.top + self.bottom, width + self.left + self.right, channels


class Add(BaseNode):
    """Sum of tensors of one shape."""

    op: Literal["add"] = "add"
    inputs: Annotated[tuple[Name, ...], Field(min_length=2, max_length=16, strict=False)]

    def shape(self, shapes: list[Shape]) -> Shape:
        """The common shape."""
        if len(set(shapes)) > 1:
            raise ValueError(f"node {self.name} adds tensors of different shapes {shapes}")
        return shapes[0]


class Concat(BaseNode):
    """Tensors of one height and width, channel after channel."""

    op: Literal["concat"] = "concat"
    inputs: Annotated[tuple[Name, ...], Field(min_length=2, max_length=64, strict=False)]

    def shape(self, shapes: list[Shape]) -> Shape:
        """The common height and width, with all channels."""
        if len({shape[:-1] for shape in shapes}) > 1:
            raise ValueError(f"node {self.name} joins tensors of different sizes {shapes}")
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


class GlobalAveragePool(BaseNode):
    """Mean over the whole feature map: (H, W, C) to (C,)."""

    op: Literal["global_average_pool"] = "global_average_pool"

    def shape(self, shapes: list[Shape]) -> Shape:
        """The channels alone."""
        return _is_map(self, shapes[0])[2:]


class Dense(BaseNode):
    """A fully connected layer over a vector."""

    op: Literal["dense"] = "dense"
    units: Width

    def weights(self, shapes: list[Shape]) -> dict[str, Shape]:
        """Kernel (in, units) and bias (units,)."""
        self.shape(shapes)
        return {"kernel": (shapes[0][0], self.units), "bias": (self.units,)}

    def shape(self, shapes: list[Shape]) -> Shape:
        """A vector of `units`."""
        if len(shapes[0]) != 1:
            raise ValueError(f"node {self.name} needs a vector, not a feature map {shapes[0]}")
        return (self.units,)


Node = Annotated[
    Conv
    | DepthwiseConv
    | MaxPool
    | AveragePool
    | BatchNorm
    | Activation
    | Pad
    | Add
    | Concat
    | GlobalAveragePool
    | Dense,
    Field(discriminator="op"),
]


def _is_map(node: BaseNode, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ValueError(f"node {node.name} needs a feature map, not a vector {shape}")
    return shape[0], shape[1], shape[2]
