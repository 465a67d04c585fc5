"""InceptionV3 (Szegedy et al. 2016) exactly as Keras applications has it, without its classifier."""

from __future__ import annotations

from landuse.models.builder import Builder
from landuse.models.network import Network
from landuse.models.nodes import Padding

Kernel = int | tuple[int, int]
Step = tuple[int, Kernel]
"""Filters and kernel of one convolution of a branch."""

ACROSS, DOWN = (1, 7), (7, 1)


def inception_v3() -> Network:
    """A stem and eleven modules of parallel branches, 2,048 features."""
    n = _Inception()
    n.conv(32, 3, stride=2, padding="valid")
    n.conv(32, 3, padding="valid")
    n.conv(64, 3)
    n.builder.max_pool("pool1", 3, 2, "valid")
    n.conv(80, 1, padding="valid")
    n.conv(192, 3, padding="valid")
    n.builder.max_pool("pool2", 3, 2, "valid")
    for module, pooled in enumerate((32, 64, 64)):
        n.module(module, [[(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]], pooled)
    n.shrinking_module(3, [[(384, 3)], [(64, 1), (96, 3), (96, 3)]])
    for module, width in enumerate((128, 160, 160, 192), start=4):
        _module_of_sevens(n, module, width)
    n.shrinking_module(8, [[(192, 1), (320, 3)], [(192, 1), (192, ACROSS), (192, DOWN), (192, 3)]])
    for module in (9, 10):
        n.wide_module(module)
    n.builder.global_average("avg_pool")
    return n.builder.network()


def _module_of_sevens(n: _Inception, module: int, width: int) -> None:
    """Branches of 1 x 7 and 7 x 1 convolutions."""
    once: list[Step] = [(width, 1), (width, ACROSS), (192, DOWN)]
    twice: list[Step] = [(width, 1), (width, DOWN), (width, ACROSS), (width, DOWN), (192, ACROSS)]
    n.module(module, [[(192, 1)], once, twice], 192)


class _Inception:
    """A builder that numbers its convolutions, as the original leaves them without names."""

    def __init__(self) -> None:
        self.builder = Builder()
        self._count = 0

    def conv(self, filters: int, kernel: Kernel, *, stride: int = 1, padding: Padding = "same") -> str:
        """A convolution, a batch norm without scale, a rectifier."""
        self._count += 1
        name = f"conv{self._count}"
        self.builder.conv(name, filters, kernel, stride=stride, padding=padding)
        self.builder.norm(f"{name}_bn", scale=False)
        return self.builder.activation(f"{name}_act")

    def module(self, module: int, branches: list[list[Step]], pooled: int) -> None:
        """Branches beside an average pooling with its own 1 x 1 convolution."""
        start = self.builder.last
        ends = [self._branch(start, branch) for branch in branches]
        self.builder.at(start).average_pool(f"mixed{module}_pool", 3, 1)
        self.builder.concat(f"mixed{module}", (*ends, self.conv(pooled, 1)))

    def shrinking_module(self, module: int, branches: list[list[Step]]) -> None:
        """Branches whose last convolution has stride 2, beside a max pooling."""
        start = self.builder.last
        ends = []
        for branch in branches:
            self._branch(start, branch[:-1])
            ends.append(self.conv(*branch[-1], stride=2, padding="valid"))
        pooled = self.builder.at(start).max_pool(f"mixed{module}_pool", 3, 2, "valid")
        self.builder.concat(f"mixed{module}", (*ends, pooled))

    def wide_module(self, module: int) -> None:
        """Branches that end in a 1 x 3 and a 3 x 1 convolution side by side."""
        start = self.builder.last
        ends = [self.conv(320, 1)]
        for index, branch in enumerate(([(384, 1)], [(448, 1), (384, 3)]), start=1):
            before = self._branch(start, list(branch))
            pair = (self._branch(before, [(384, (1, 3))]), self._branch(before, [(384, (3, 1))]))
            ends.append(self.builder.concat(f"mixed{module}_fork{index}", pair))
        self.builder.at(start).average_pool(f"mixed{module}_pool", 3, 1)
        self.builder.concat(f"mixed{module}", (*ends, self.conv(192, 1)))

    def _branch(self, start: str, steps: list[Step]) -> str:
        """Convolutions one after another, the first of which reads `start`; the name of the last."""
        self.builder.at(start)
        for filters, kernel in steps:
            self.conv(filters, kernel)
        return self.builder.last
