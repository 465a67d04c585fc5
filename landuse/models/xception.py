"""Xception (Chollet 2017) exactly as Keras applications has it, without its classifier."""

from __future__ import annotations

from landuse.models.builder import Builder
from landuse.models.network import Network


def xception() -> Network:
    """Fourteen blocks of separable convolutions, most with a way round them; 2,048 features."""
    b = Builder()
    for index, width in ((1, 32), (2, 64)):
        b.conv(f"block1_conv{index}", width, 3, stride=3 - index, padding="valid")
        b.norm(f"block1_conv{index}_bn")
        b.activation(f"block1_conv{index}_act")
    for block, width in ((2, 128), (3, 256), (4, 728)):
        _shrinking_block(b, block, width, width)
    for block in range(5, 13):
        _middle_block(b, block)
    _shrinking_block(b, 13, 728, 1024)
    for index, width in ((1, 1536), (2, 2048)):
        _separable(b, f"block14_sepconv{index}", width)
        b.activation(f"block14_sepconv{index}_act")
    b.global_average("avg_pool")
    return b.network()


def _shrinking_block(b: Builder, block: int, first: int, second: int) -> None:
    """Two separable convolutions and a max pooling, beside a strided 1 x 1 convolution."""
    start = b.last
    b.conv(f"block{block}_residual", second, 1, stride=2)
    residual = b.norm(f"block{block}_residual_bn")
    b.at(start)
    if block > 2:
        b.activation(f"block{block}_sepconv1_act")
    _separable(b, f"block{block}_sepconv1", first)
    b.activation(f"block{block}_sepconv2_act")
    _separable(b, f"block{block}_sepconv2", second)
    body = b.max_pool(f"block{block}_pool", 3, 2)
    b.add(f"block{block}_add", (body, residual))


def _middle_block(b: Builder, block: int) -> None:
    """Three separable convolutions of 728, and the block's input added to them."""
    start = b.last
    for index in (1, 2, 3):
        b.activation(f"block{block}_sepconv{index}_act")
        body = _separable(b, f"block{block}_sepconv{index}", 728)
    b.add(f"block{block}_add", (body, start))


def _separable(b: Builder, name: str, width: int) -> str:
    b.separable_conv(name, width, 3)
    return b.norm(f"{name}_bn")
