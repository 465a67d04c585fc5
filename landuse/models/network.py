"""What a backbone is, as plain data: a graph of a few kinds of node. No code, no framework.

Two interpreters read it: `openvino_runtime` (inference) and `keras_runtime` (training, and the second runtime). Because
the description is data, a model file from a stranger can hold nothing that runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from landuse.errors import ModelFileError
from landuse.models.nodes import Name, Node, Shape

MAX_NODES = 2_000
MAX_PARAMETERS = 400_000_000


class Network(BaseModel):
    """A backbone: nodes in an order in which each comes after what it reads.

    Attributes:
        channels: bands of the input.
        nodes: the steps.
        input: the name under which nodes read the image.
        output: the node whose vector (D,) is the feature vector.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    channels: Annotated[int, Field(ge=1, le=64)] = 3
    nodes: Annotated[tuple[Node, ...], Field(min_length=1, max_length=MAX_NODES, strict=False)]
    input: Name = "image"
    output: Name

    @model_validator(mode="after")
    def _connected(self) -> Network:
        known = {self.input}
        for node in self.nodes:
            missing = [name for name in node.inputs if name not in known]
            if missing:
                raise ValueError(f"node {node.name} reads {missing[0]}, which no earlier node makes")
            if node.name in known:
                raise ValueError(f"the name {node.name} stands twice")
            known.add(node.name)
        if self.output not in known - {self.input}:
            raise ValueError(f"the output {self.output} is no node")
        return self

    def shapes(self, px: int) -> dict[str, Shape]:
        """Shape of every tensor for an image of `px` by `px` pixels. Raises `ValueError` where nodes do not fit."""
        found: dict[str, Shape] = {self.input: (px, px, self.channels)}
        for node in self.nodes:
            found[node.name] = node.shape([found[name] for name in node.inputs])
        return found

    def weight_shapes(self, px: int) -> dict[str, Shape]:
        """Shape of every weight, by name ("conv1/kernel"). Raises `ValueError` where nodes do not fit."""
        shapes = self.shapes(px)
        found: dict[str, Shape] = {}
        for node in self.nodes:
            of_node = node.weights([shapes[name] for name in node.inputs])
            found |= {f"{node.name}/{part}": shape for part, shape in of_node.items()}
        return found

    def feature_count(self, px: int) -> int:
        """Length D of the feature vector. Raises `ValueError` where the output is not a vector."""
        shape = self.shapes(px)[self.output]
        if len(shape) != 1:
            raise ValueError(f"the output {self.output} is a feature map {shape}, not a vector")
        return shape[0]


def parse_network(data: object, px: int) -> Network:
    """A network from JSON data of unknown origin, checked as a whole for images of `px` pixels.

    Raises:
        ModelFileError: for anything that is not a sound network of sensible size.
    """
    try:
        network = Network.model_validate(data)
        network.feature_count(px)
        count = parameter_count(network.weight_shapes(px).values())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "network"
        raise ModelFileError(f"The network description is not sound: {place}: {first['msg']}.") from error
    except ValueError as error:
        raise ModelFileError(f"The network description is not sound: {error}.") from error
    if count > MAX_PARAMETERS:
        raise ModelFileError(f"The network has {count:,} parameters; at most {MAX_PARAMETERS:,} are read.")
    return network


def parameter_count(shapes: Iterable[Shape]) -> int:
    """Number of values in weights of these shapes."""
    return sum(math.prod(shape) for shape in shapes)
