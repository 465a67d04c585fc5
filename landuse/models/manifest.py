"""`bundle.json` of a model file: what it says, whether the rest fits it, and a head made of its arrays again.

What a stranger wrote is checked here: sizes before anything is read, and that a forest's walks end.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from landuse.errors import ModelFileError, UsageError
from landuse.legend import Legend
from landuse.models.architectures import ARCHITECTURES, Preprocess
from landuse.models.heads import DenseHead, ForestHead, Head
from landuse.models.libraries import Shape
from landuse.models.quantisation import Quantisation
from landuse.palette import Palette

Size = Annotated[int, Field(ge=1, le=16_384)]
INTEGERS = frozenset({"roots", "feature", "left", "right"})
FORMAT = "landuse-model"
FORMAT_VERSION = 2
MAX_PX = 1024


class HeadSpec(BaseModel):
    """What `bundle.json` says of a head."""

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

    def head(self, arrays: Mapping[str, Any], features: int, temperature: float) -> Head:
        """The head of arrays that have these shapes.

        Raises:
            UsageError: values that no head can have; the sentence is the reason.
        """
        if "scale" in arrays and not (arrays["scale"] > 0).all():
            raise UsageError("a feature scale of the head is not above 0")
        if self.kind == "forest":
            forest = ForestHead(**arrays, width=features, temperature=temperature)
            forest.check()
            return forest
        thresholds = arrays.get("thresholds")
        if thresholds is not None and not ((thresholds >= 0) & (thresholds <= 1)).all():
            raise UsageError("a threshold of its head is no probability")
        numbers = range(len(self.hidden) + 1)
        names = [(f"kernel{i}", f"bias{i}") for i in numbers] if self.kind == "dense" else [("weight", "bias")]
        kernels, biases = zip(*((arrays[kernel], arrays[bias]) for kernel, bias in names), strict=True)
        return DenseHead(kernels, biases, arrays["mean"], arrays["scale"], temperature, thresholds)


def spec_of(head: Head) -> HeadSpec:
    """What a model file says of a head."""
    multi = head.thresholds is not None
    if isinstance(head, ForestHead):
        return HeadSpec(kind="forest", trees=len(head.roots), nodes=len(head.left))
    if not isinstance(head, DenseHead):
        raise TypeError(f"a model file holds no {type(head).__name__}")
    return HeadSpec(kind=head.kind, multi_label=multi, hidden=head.hidden)


def as_stored(array: Any) -> Any:  # noqa: ANN401
    """An array as it is stored: whole numbers as int32, others as float32."""
    kind = np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32
    return np.ascontiguousarray(array, kind)


class BackboneSpec(BaseModel):
    """What `bundle.json` says of a backbone.

    Attributes:
        architecture: the name by which Keras builds it, None where it cannot.
        orders: for each variable that is a constant of the graph, the order of its axes there.
        batch: images that its graph takes at once, None where it takes any number.
        shipped_in: the model that ships and holds the graph and its weights for this one too; None where they are here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Annotated[str, Field(max_length=80)] | None = None
    px: Annotated[int, Field(ge=8, le=MAX_PX)]
    features: Annotated[int, Field(ge=1, le=16_384)]
    preprocess: Preprocess
    orders: Annotated[dict[str, Annotated[tuple[int, ...], Field(max_length=8)]], Field(max_length=20_000)] = {}
    batch: Annotated[int, Field(ge=1, le=64)] | None = None
    shipped_in: Annotated[str, Field(max_length=80)] | None = None


class Manifest(BaseModel):
    """`bundle.json`, before its parts are checked against each other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["landuse-model"]
    format_version: Literal[2]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    backbone: BackboneSpec
    legend: Legend
    bands: Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(min_length=1, max_length=64)]
    metres_per_pixel: Annotated[float, Field(gt=0, le=10_000)] | None
    temperature: Annotated[float, Field(gt=0, le=1000)]
    head: HeadSpec = HeadSpec()
    calibration: dict[str, JsonValue]
    training: dict[str, JsonValue]
    metrics: dict[str, JsonValue]
    quantisation: Quantisation | None = None
    palette: Palette | None = None
    digests: dict[str, str]


def parse_manifest(text: bytes, path: Path) -> Manifest:
    """Raises `ModelFileError` for a text that is no description of a model, or one of another version."""
    try:
        data = json.loads(text, parse_constant=_no_number)
        if isinstance(data, dict) and data.get("format") == FORMAT and data.get("format_version") != FORMAT_VERSION:
            version = str(data.get("format_version"))[:20]
            refuse(
                path,
                f"it is of format version {version}, and this release reads version {FORMAT_VERSION}; train it again",
            )
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        refuse(path, f"bundle.json: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path}: bundle.json is not sound JSON.") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def check_digests(members: Mapping[str, bytes], manifest: Manifest, path: Path) -> None:
    """Raise unless the members are those that were written together."""
    for name, data in members.items():
        if hashlib.sha256(data).hexdigest() != manifest.digests.get(name):
            refuse(path, f"{name} was changed after the model was written")
    missing = sorted(manifest.digests.keys() - members.keys())
    if missing:
        refuse(path, f"{missing[0][:80]} was taken out after the model was written")


def check_fit(manifest: Manifest, path: Path) -> None:
    """Raise unless the backbone is one that this release can have, for the bands that are named."""
    spec = manifest.backbone
    if spec.architecture is not None and spec.architecture not in ARCHITECTURES:
        refuse(path, f"this release has no network {spec.architecture!r}; get the release that it was trained with")
    if not spec.preprocess.fits(len(manifest.bands)):
        refuse(path, "the preprocessing has another number of bands than the network")
    _check_palette(manifest, path)


def _check_palette(manifest: Manifest, path: Path) -> None:
    if manifest.palette is not None and not manifest.palette.sound(len(manifest.bands)):
        refuse(path, "the colours of its training survey are not those of its bands")


def refuse(path: Path, reason: str) -> NoReturn:
    """Raise `ModelFileError`: why a file cannot be used."""
    raise ModelFileError(f"{path} cannot be used as a model: {reason}.")
