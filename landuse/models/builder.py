"""Writing a network down, one node after another."""

from __future__ import annotations

from typing import Literal

from landuse.models.network import Network
from landuse.models.nodes import (
    Activation,
    Add,
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAveragePool,
    MaxPool,
    Node,
    Pad,
    Padding,
)

Function = Literal["relu", "relu6", "swish", "sigmoid", "tanh"]


class Builder:
    """Collects nodes; each reads the last one, or the one that `at` names. Methods that add one return its name."""

    def __init__(self, channels: int = 3) -> None:
        self.channels = channels
        self.last = "image"
        self.nodes: list[Node] = []
        self._widths = {self.last: channels}

    @property
    def width(self) -> int:
        """Channels of the last node."""
        return self._widths[self.last]

    def at(self, source: str) -> Builder:
        """The builder itself, whose next node reads this one."""
        self.last = source
        return self

    def conv(
        self,
        name: str,
        filters: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: Padding = "same",
        bias: bool = False,
    ) -> str:
        """A convolution."""
        inputs = (self.last,)
        node = Conv(name=name, inputs=inputs, filters=filters, kernel=kernel, stride=stride, padding=padding, bias=bias)
        return self._append(node, filters)

    def depthwise_conv(self, name: str, kernel: int, *, stride: int = 1, bias: bool = False) -> str:
        """A convolution of each channel by itself, with padding "same"."""
        node = DepthwiseConv(name=name, inputs=(self.last,), kernel=kernel, stride=stride, bias=bias)
        return self._append(node, self.width)

    def separable_conv(self, name: str, filters: int, kernel: int) -> str:
        """Keras' SeparableConv2D without bias: `{name}_depthwise`, then a 1 x 1 convolution `{name}_pointwise`."""
        self.depthwise_conv(f"{name}_depthwise", kernel)
        return self.conv(f"{name}_pointwise", filters, 1)

    def norm(self, name: str, epsilon: float = 1e-3, *, scale: bool = True) -> str:
        """A batch normalisation."""
        return self._append(BatchNorm(name=name, inputs=(self.last,), epsilon=epsilon, scale=scale), self.width)

    def activation(self, name: str, function: Function = "relu") -> str:
        """An activation."""
        return self._append(Activation(name=name, inputs=(self.last,), function=function), self.width)

    def conv_norm(self, name: str, filters: int, kernel: int, *, stride: int = 1) -> str:
        """A convolution with batch norm and a rectifier: `{name}_conv`, `{name}_bn`, `{name}_act`."""
        self.conv(f"{name}_conv", filters, kernel, stride=stride)
        self.norm(f"{name}_bn")
        return self.activation(f"{name}_act")

    def pad(self, name: str, border: int) -> str:
        """The same border of zeros on all sides."""
        node = Pad(name=name, inputs=(self.last,), top=border, bottom=border, left=border, right=border)
        return self._append(node, self.width)

    def max_pool(self, name: str, kernel: int, stride: int, padding: Padding = "same") -> str:
        """A max pooling."""
        node = MaxPool(name=name, inputs=(self.last,), kernel=kernel, stride=stride, padding=padding)
        return self._append(node, self.width)

    def average_pool(self, name: str, kernel: int, stride: int) -> str:
        """An average pooling with padding "same", which is not counted."""
        return self._append(AveragePool(name=name, inputs=(self.last,), kernel=kernel, stride=stride), self.width)

    def concat(self, name: str, sources: tuple[str, ...]) -> str:
        """Tensors side by side."""
        return self._append(Concat(name=name, inputs=sources), sum(self._widths[source] for source in sources))

    def add(self, name: str, sources: tuple[str, ...]) -> str:
        """A sum."""
        return self._append(Add(name=name, inputs=sources), self._widths[sources[0]])

    def global_average(self, name: str) -> str:
        """Global average pooling: a feature vector."""
        return self._append(GlobalAveragePool(name=name, inputs=(self.last,)), self.width)

    def network(self) -> Network:
        """The network up to the last node."""
        return Network(channels=self.channels, nodes=tuple(self.nodes), output=self.last)

    def _append(self, node: Node, width: int) -> str:
        self.nodes.append(node)
        self._widths[node.name] = width
        self.last = node.name
        return node.name
