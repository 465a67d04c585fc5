"""`models`: the models that ship, the backbones that can be had, and what the file of a model says of itself.

Kept from `info`, which reads rasters too: listing loads nothing that a network or a raster needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from landuse.models.architectures import ARCHITECTURES
from landuse.models.bundle import find_bundle, read_manifest, shipped_bundles

Lines = list[tuple[str, str]]
SHIPS = "they ship"
PUBLIC = "--weights imagenet (downloaded when first used), random or a file"
NONE = "--weights random or a file"


@dataclass(frozen=True)
class Size:
    """How large a network is."""

    features: int
    px: int


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
        architecture: the name of its network, None where it came from a file.
    """

    name: str
    size: Size
    architecture: str | None
    file_bytes: int
    classes: tuple[str, ...]
    metrics: dict[str, JsonValue]
    card: str


def shipped_models() -> list[ModelEntry]:
    """The models that ship with the package."""
    return [describe_model(name) for name in shipped_bundles()]


def backbones() -> list[BackboneEntry]:
    """The backbones of the registry."""
    shipped = shipped_bundles()
    return [
        BackboneEntry(
            name,
            Size(line.features, line.px),
            SHIPS if name in shipped else NONE if line.own else PUBLIC,
        )
        for name, line in ARCHITECTURES.items()
    ]


def describe_model(name_or_file: str | Path) -> ModelEntry:
    """What the file of a model says of itself; its weights are not read.

    Raises:
        ModelFileError: no such model, or a file whose description is not sound.
    """
    path = find_bundle(name_or_file)
    manifest, card = read_manifest(path)
    return ModelEntry(
        name=str(name_or_file),
        size=Size(manifest.backbone.features, manifest.backbone.px),
        architecture=manifest.backbone.architecture,
        file_bytes=path.stat().st_size,
        classes=manifest.legend.names,
        metrics=manifest.metrics,
        card=card,
    )


def model_lines(entry: ModelEntry) -> Lines:
    """A model in labelled lines: size, classes and figures."""
    size = entry.size
    return [
        ("file", f"{entry.file_bytes / 1e6:.1f} MB"),
        ("network", f"{entry.architecture or 'from a file'}, {size.features:,} features, {size.px} pixels"),
        ("classes", f"{len(entry.classes)}: {', '.join(entry.classes)}"),
        *((key.replace("_", " "), shown) for key, value in entry.metrics.items() if (shown := figure(value))),
    ]


def backbone_rows(entries: list[BackboneEntry]) -> list[tuple[str, ...]]:
    """A table of backbones, its heading first."""
    rows: list[tuple[str, ...]] = [("backbone", "features", "pixels", "where the weights come from")]
    for entry in entries:
        size = entry.size
        rows.append((entry.name, f"{size.features:,}", str(size.px), entry.source))
    return rows


def figure(value: JsonValue) -> str:
    """A figure of a model file as text; empty for what is not one number or word."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return ""
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def printable(text: str) -> str:
    """Text of strangers without what could steer a terminal: other control characters than line ends become spaces."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
