"""Nodes and weights of a network, as they are found in a graph of another program."""

from __future__ import annotations

import re

from landuse.models.arrays import Weights
from landuse.models.foreign import UNSUPPORTED, NodeData
from landuse.models.foreign_constants import Operation
from landuse.models.keras_weights import plain_name

NUMBERED = re.compile(r"[A-Za-z]+_[0-9]+")


class Translation:
    """Nodes and weights as they are found, in the order of the graph.

    Attributes:
        nodes: by name.
        weights: by name, as our networks have them.
        last: the node that the graph gives as its result.
        named: which node stands for an operation, by the operation's name in the file.
        channels_last: whether the graph takes images (n, H, W, C); OpenVINO turns them at once.
    """

    def __init__(self, *, channels_last: bool = False) -> None:
        self.channels_last = channels_last
        self.nodes: dict[str, NodeData] = {}
        self.weights: Weights = {}
        self.last = ""
        self.named: dict[str, str] = {}
        self._names: dict[str, str] = {}  # ours, by the operation's own

    def begin(self, op: Operation) -> None:
        """An operation is the image."""
        self._names[op.get_name()] = "image"

    def end(self, op: Operation) -> None:
        """An operation gives the result."""
        self.last = self.sources(op)[0]

    def refuse(self, op: Operation, why: str) -> None:
        """A node that stands for an operation which our networks have not, and says so."""
        kind, name = op.get_type_name(), self._given_name(op)
        what = f"the operation {kind} of {name[:80]!r}" if name else f"the operation {kind}"
        self.node(op, UNSUPPORTED, self.sources(op), what=f"{what}{why}")

    def node(self, op: Operation, kind: str, inputs: list[str], **attributes: object) -> str:
        """A new node, which stands for the operation from now on."""
        plain = plain_name(self._given_name(op) or f"{kind}_{len(self.nodes)}")[:60] or "node"
        name = plain if plain not in self.nodes and plain != "image" else f"{plain}_{len(self.nodes)}"
        self.nodes[name] = {"op": kind, "name": name, "inputs": inputs, **attributes}
        self._names[op.get_name()] = self.named[op.get_friendly_name()] = name
        return name

    def _given_name(self, op: Operation) -> str:
        """The name that an operation has in its file; none for one that OpenVINO numbered, differently in every process."""
        name = str(op.get_friendly_name())
        return "" if self.channels_last and NUMBERED.fullmatch(name) else name

    def sources(self, op: Operation) -> list[str]:
        """Our nodes that an operation reads; constants are left out."""
        found = (value.get_source_output().get_node().get_name() for value in op.inputs())
        return [self._names[name] for name in found if name in self._names]

    def same(self, op: Operation) -> None:
        """An operation that changes nothing."""
        self._names[op.get_name()] = self.named[op.get_friendly_name()] = self.sources(op)[0]

    def alone(self, op: Operation) -> bool:
        """Whether an operation is the only one that reads its tensor."""
        outputs = (value.get_source_output() for value in op.inputs())
        before = next(output for output in outputs if output.get_node().get_name() in self._names)
        return len(before.get_target_inputs()) == 1

    def never_negative(self, name: str) -> bool:
        """Whether no value of a node can be below zero."""
        node = self.nodes.get(name, {"op": "image"})
        if node["op"] == "activation":
            return node["function"] in ("relu", "relu6", "sigmoid")
        through = ("max_pool", "average_pool", "concat", "add", "pad")
        return node["op"] in through and all(self.never_negative(source) for source in node["inputs"])
