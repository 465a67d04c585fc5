"""`models`: what ships, what can be had, and the card of a model. Read from descriptions alone, without weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from landuse.models.backbones import BACKBONES, load_backbone
from landuse.models.bundle import find_bundle, read_manifest, shipped_bundles
from landuse.models.imagenet import PUBLISHED
from landuse.models.manifest import Manifest
from landuse.models.network import Network, parameter_count, parse_network

Lines = list[tuple[str, str]]
SHIPS = "they ship"
PUBLIC = "--weights imagenet (downloaded when first used), random or a file"
NONE = "--weights random or a file"


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes:
        weights: how many numbers it has learnt.
        features: length of its feature vector.
        px: pixels of its input's side.
    """

    weights: int
    features: int
    px: int

    @classmethod
    def of(cls, network: Network, px: int) -> Size:
        """The size of a network for images of `px` pixels."""
        shapes = network.weight_shapes(px)
        return cls(parameter_count(shapes.values()), network.feature_count(px), px)


@dataclass(frozen=True)
class BackboneEntry:
    """A backbone that a head can be trained on, and where its weights come from."""

    name: str
    size: Size
    source: str


@dataclass(frozen=True)
class ModelEntry:
    """A trained model, by what its file says of itself.

    Attributes:
        name: what `--model` takes.
        size: of its network.
        file_bytes: of its file.
        classes: names in the order of the legend.
        metrics: as the file states them.
        card: Markdown.
    """

    name: str
    size: Size
    file_bytes: int
    classes: tuple[str, ...]
    metrics: dict[str, JsonValue]
    card: str


def shipped_models() -> list[ModelEntry]:
    """The models that ship with the package."""
    return [describe_model(name) for name in shipped_bundles()]


def backbones() -> list[BackboneEntry]:
    """The backbones of the registry."""
    entries = []
    for name in BACKBONES:
        if name in shipped_bundles():
            entries.append(BackboneEntry(name, describe_model(name).size, SHIPS))
            continue
        backbone = load_backbone(name)
        source = PUBLIC if name in PUBLISHED else NONE
        entries.append(BackboneEntry(name, Size.of(backbone.network, backbone.px), source))
    return entries


def describe_model(name_or_file: str | Path) -> ModelEntry:
    """What the file of a model says of itself; its weights are not read.

    Raises:
        ModelFileError: no such model, or a file whose description is not sound.
    """
    path = find_bundle(name_or_file)
    manifest, card = read_manifest(path)
    return ModelEntry(
        name=str(name_or_file),
        size=_size(manifest),
        file_bytes=path.stat().st_size,
        classes=manifest.legend.names,
        metrics=manifest.metrics,
        card=card,
    )


def _size(manifest: Manifest) -> Size:
    return Size.of(parse_network(manifest.network, manifest.chip_px), manifest.chip_px)


def model_lines(entry: ModelEntry) -> Lines:
    """A model in labelled lines: size, classes and figures."""
    size = entry.size
    return [
        ("file", f"{entry.file_bytes / 1e6:.1f} MB"),
        ("network", f"{size.weights / 1e6:.1f} million weights, {size.features:,} features, {size.px} pixels"),
        ("classes", f"{len(entry.classes)}: {', '.join(entry.classes)}"),
        *((key.replace("_", " "), shown) for key, value in entry.metrics.items() if (shown := figure(value))),
    ]


def backbone_rows(entries: list[BackboneEntry]) -> list[tuple[str, ...]]:
    """A table of backbones, its heading first."""
    rows: list[tuple[str, ...]] = [("backbone", "weights", "features", "pixels", "where the weights come from")]
    for entry in entries:
        size = entry.size
        rows.append((entry.name, f"{size.weights / 1e6:.1f} M", f"{size.features:,}", str(size.px), entry.source))
    return rows


def figure(value: JsonValue) -> str:
    """A figure of a model file as text; empty for what is not one number or word."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return ""
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def printable(text: str) -> str:
    """Text of strangers without what could steer a terminal: other control characters than line ends become spaces."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
