"""Networks written down: each node reads the last one, or the one that is named."""

import pytest

from landuse.models.builder import Builder
from landuse.models.network import Network
from landuse.models.nodes import Conv


def inputs(network: Network) -> dict[str, tuple[str, ...]]:
    return {node.name: tuple(node.inputs) for node in network.nodes}


def test_a_way_round_two_convolutions():
    b = Builder()
    start = b.conv("first", 4, 3, stride=2)
    b.norm("norm")
    one = b.activation("act")
    other = b.at(start).conv("beside", 4, 1, padding="valid", bias=True)
    b.add("sum", (one, other))
    b.global_average("features")
    network = b.network()
    assert inputs(network) == {
        "first": ("image",), "norm": ("first",), "act": ("norm",), "beside": ("first",), "sum": ("act", "beside"),
        "features": ("sum",),
    }  # fmt: skip
    assert network.feature_count(32) == 4
    first, beside = (node for node in network.nodes if isinstance(node, Conv))
    assert (first.stride, first.padding, first.bias) == (2, "same", False)
    assert (beside.stride, beside.padding, beside.bias) == (1, "valid", True)


def test_widths_follow_the_nodes():
    b = Builder(channels=4)
    assert b.width == 4
    wide = b.conv_norm("wide", 8, 3)
    assert (wide, b.width) == ("wide_act", 8)
    pooled = b.max_pool("pool", 2, 2)
    b.at(wide).average_pool("mean", 2, 2)
    assert b.width == 8
    b.separable_conv("apart", 5, 3)
    b.at(pooled).depthwise_conv("each", 3, bias=True)
    assert b.width == 8
    b.concat("both", ("each", "apart_pointwise"))
    assert b.width == 13
    b.pad("pad", 1)
    assert b.width == 13
    b.global_average("features")
    assert b.network().feature_count(32) == 13


def test_a_network_ends_where_the_builder_stands():
    b = Builder()
    early = b.conv("early", 2, 3)
    b.conv("late", 3, 3)
    assert b.network().output == "late"
    assert b.at(early).network().output == "early"


def test_a_source_that_is_not_there_makes_no_network():
    b = Builder()
    b.at("nowhere").conv("first", 4, 3)
    with pytest.raises(ValueError, match="nowhere"):
        b.network()
