"""Multiply-adds of small graphs, counted by hand."""

import numpy as np

from benchmarks.arithmetic import Arithmetic, multiply_adds
from landuse.models.libraries import ops, ov


def test_convolutions_and_products_are_counted():
    image = ops.parameter([2, 3, 8, 8], np.float32)
    wide = ops.convolution(image, ops.constant(np.ones((4, 3, 3, 3), np.float32)), [1, 1], [1, 1], [1, 1], [1, 1])
    weights = ops.constant(np.ones((4, 1, 1, 3, 3), np.float32))
    deep = ops.group_convolution(wide, weights, [2, 2], [1, 1], [1, 1], [1, 1])
    pooled = ops.reduce_mean(deep, ops.constant(np.array([2, 3])), False)
    scores = ops.matmul(pooled, ops.constant(np.ones((4, 7), np.float32)), False, False)
    found = multiply_adds(ov.Model([scores], [image], "small"))
    assert found == 2 * (4 * 64 * 27 + 4 * 16 * 9 + 4 * 7)


def test_what_is_reached_is_chips_times_their_cost():
    assert Arithmetic("a", 400, 10.0, 8000.0).reached == 4000.0
