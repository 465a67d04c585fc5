"""Heads in model files: which arrays a kind of head has, of what shape, and a head made of them again.

What a stranger wrote is checked here: sizes before anything is read, and that a forest's walks end.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from landuse.errors import UsageError
from landuse.models.arrays import Floats, Shape
from landuse.models.heads import Arrays, Head, LogisticHead
from landuse.models.heads_dense import DenseHead
from landuse.models.heads_forest import ForestHead
from landuse.models.heads_multi import MultiLabelHead

Size = Annotated[int, Field(ge=1, le=16_384)]
INTEGERS = frozenset({"roots", "feature", "left", "right"})


class HeadSpec(BaseModel):
    """What `bundle.json` says of a head.

    Attributes:
        kind: which it is.
        multi_label: whether it gives a row any number of classes.
        hidden: units of the hidden layers of a dense head.
        trees, nodes: of a forest, together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["logistic", "dense", "forest"] = "logistic"
    multi_label: bool = False
    hidden: Annotated[tuple[Size, ...], Field(max_length=8)] = ()
    trees: Annotated[int, Field(ge=0, le=10_000)] = 0
    nodes: Annotated[int, Field(ge=0, le=10_000_000)] = 0

    def shapes(self, features: int, classes: int) -> dict[str, Shape]:
        """Shape of each array of such a head."""
        found: dict[str, Shape] = {"mean": (features,), "scale": (features,)}
        if self.kind == "logistic":
            found |= {"weight": (features, classes), "bias": (classes,)}
        elif self.kind == "dense":
            sizes = (features, *self.hidden, classes)
            found |= {f"kernel{i}": (a, b) for i, (a, b) in enumerate(itertools.pairwise(sizes))}
            found |= {f"bias{i}": (size,) for i, size in enumerate(sizes[1:])}
        else:
            found = dict.fromkeys(("feature", "threshold", "left", "right"), (self.nodes,))
            found |= {"roots": (self.trees,), "shares": (self.nodes, classes)}
            found |= dict.fromkeys(("factor", "offset"), (classes,))
        return found | ({"thresholds": (classes,)} if self.multi_label else {})

    def head(self, arrays: Arrays, features: int, temperature: float) -> Head:
        """The head of arrays that have these shapes.

        Raises:
            UsageError: values that no head can have; the sentence is the reason.
        """
        if "scale" in arrays and not (arrays["scale"] > 0).all():
            raise UsageError("a feature scale of the head is not above 0")
        body = self._body(dict(arrays), features, temperature)
        if not self.multi_label:
            return body
        thresholds = arrays["thresholds"]
        if isinstance(body, ForestHead) or not ((thresholds >= 0) & (thresholds <= 1)).all():
            raise UsageError("its head cannot give several labels")
        return MultiLabelHead(body, thresholds.astype(np.float32))

    def _body(self, arrays: dict[str, Any], features: int, temperature: float) -> LogisticHead | DenseHead | ForestHead:
        arrays.pop("thresholds", None)
        if self.kind == "logistic":
            return LogisticHead(**arrays, temperature=temperature)
        if self.kind == "dense":
            layers = range(len(self.hidden) + 1)
            kernels: tuple[Floats, ...] = tuple(arrays[f"kernel{i}"] for i in layers)
            biases = tuple(arrays[f"bias{i}"] for i in layers)
            return DenseHead(kernels, biases, arrays["mean"], arrays["scale"], temperature)
        forest = ForestHead(**arrays, width=features, temperature=temperature)
        forest.check()
        return forest


def spec_of(head: Head) -> HeadSpec:
    """What a model file says of a head."""
    body = head.body if isinstance(head, MultiLabelHead) else head
    multi = head.thresholds is not None
    if isinstance(body, DenseHead):
        return HeadSpec(kind="dense", multi_label=multi, hidden=body.hidden)
    if isinstance(body, ForestHead):
        return HeadSpec(kind="forest", trees=len(body.roots), nodes=len(body.left))
    return HeadSpec(multi_label=multi)


def as_stored(array: Any) -> Any:  # noqa: ANN401
    """An array as it is stored: whole numbers as int32, others as float32."""
    kind = np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32
    return np.ascontiguousarray(array, kind)
