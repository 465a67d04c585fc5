"""`info` and `models`: what a file, a folder or a model is, where it came from, and whether it is whole."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from landuse.errors import SourceNotFoundError
from landuse.grid import crs_text
from landuse.models.architectures import ARCHITECTURES
from landuse.models.bundle import find_bundle, read_bundle, read_manifest, shipped_bundles
from landuse.outputs.record import RECORD, RunRecord, damaged_files, read_record
from landuse.text import counted

Lines = list[tuple[str, str]]


@dataclass(frozen=True)
class Description:
    """What is to be said of a path.

    Attributes:
        facts: the same for scripts, by name; `what` is result, results, model or raster.
    """

    lines: Lines
    facts: dict[str, Any]
    whole: bool = True


def info(path: Path) -> Description:
    """Describe a result folder, a model file or a raster.

    Raises:
        SourceNotFoundError: nothing is there, or a folder that no landuse command wrote.
        LanduseError: the file is none of these, or damaged.
    """
    if path.is_dir():
        several = [] if (path / RECORD).is_file() else sorted(path.glob(f"*/{RECORD}"))
        return describe_results([file.parent for file in several]) if several else describe_result(path)
    if str(path) in shipped_bundles():
        return describe_model_file(find_bundle(str(path)))
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file or folder {path}, and no model of that name ships.")
    if path.name == RECORD:
        return describe_result(path.parent)
    return describe_model_file(path) if zipfile.is_zipfile(path) else describe_raster(path)


def describe_results(folders: Sequence[Path]) -> Description:
    """Results that lie in one folder, a line each."""
    lines, facts, whole = [("what", counted(len(folders), "result"))], {}, True
    for folder in folders:
        record = read_record(folder)
        damaged = damaged_files(folder, record)
        state = "whole" if not damaged else f"damaged: {', '.join(f'{name} {what}' for name, what in damaged.items())}"
        lines.append((folder.name, f"landuse {record.command}, {record.created[:10]}, {state}"))
        facts[folder.name] = {"command": record.command, "created": record.created, "damaged": damaged}
        whole = whole and not damaged
    return Description(lines, {"what": "results", "results": facts}, whole)


def describe_result(folder: Path) -> Description:
    """A folder that a command wrote: its record, and which of its files are not as they were written."""
    record = read_record(folder)
    damaged = damaged_files(folder, record)
    facts = {"what": "result", "damaged": damaged, **record.model_dump(mode="json")}
    return Description(record_lines(record) + list(damaged.items()), facts, not damaged)


def record_lines(record: RunRecord) -> Lines:
    """The record of a run in lines."""
    lines = [("what", f"result of landuse {record.command}"), ("made", record.created)]
    lines.append(("with", ", ".join(f"{name} {number}" for name, number in record.versions.items())))
    if record.grid:
        lines.append(("grid", "{crs}, chips of {chip_m:g} m and {chip_px} pixels".format(**record.grid)))
    lines += [("from", f"{i.path} ({i.size:,} bytes)" if i.size >= 0 else i.path) for i in record.inputs]
    lines += _class_lines(record.details.get("classes"))
    lines += [(name.replace("_", " "), f"{value:,}") for name, value in record.counts.items()]
    lines += [(name.replace("_", " "), f"{value:,.2f}") for name, value in record.timings.items()]
    return lines + [("file", name) for name in record.outputs]


def _class_lines(classes: object) -> Lines:
    """What changed of each of several classes a square, where a record says so; nothing of what is damaged."""
    found = []
    for one in classes if isinstance(classes, list) else ():
        with suppress(KeyError, TypeError, ValueError):
            gained, lost, sites = (float(one[key]) for key in ("gained_ha", "lost_ha", "sites"))
            told = f"{gained:,.1f} ha gained, {lost:,.1f} ha lost in {counted(int(sites), 'site')}"
            found.append(("class", f"{one['class']}: {told} -> {one['folder']}"))
    return found


def describe_model_file(path: Path) -> Description:
    """A model file."""
    bundle = read_bundle(path)
    lines = [
        ("what", f"model {bundle.name}"),
        ("digest", bundle.digest),
        ("classes", ", ".join(bundle.legend.names)),
        ("input", f"{', '.join(bundle.bands)}; chips of {bundle.chip_px} pixels"),
        *((name.replace("_", " "), f"{value}") for name, value in bundle.metrics.items()),
    ]
    facts = {"what": "model", "name": bundle.name, "digest": bundle.digest, "classes": bundle.legend.names}
    return Description(
        lines, facts | {"bands": bundle.bands, "chip_px": bundle.chip_px, "metrics": dict(bundle.metrics)}
    )


def describe_raster(path: Path) -> Description:
    """A raster, by its header alone."""
    from landuse.mosaic import open_survey

    survey = open_survey([path], bands=(1,), collars=False)
    source, nodata = survey.sources[0], survey.sources[0].nodata[0]
    bounds = tuple(survey.bounds_in(survey.crs))
    lines = [
        ("what", "raster"),
        ("size", f"{source.width} x {source.height} pixels, {source.dtype}"),
        ("crs", survey.crs.name),
        ("bounds", " ".join(f"{value:.9g}" for value in bounds)),
        ("no data", "not declared" if nodata is None else f"{nodata:g}"),
    ]
    facts = {"what": "raster", "width": source.width, "height": source.height, "dtype": source.dtype}
    return Description(lines, facts | {"crs": crs_text(survey.crs), "bounds": bounds, "nodata": nodata})


SHIPS = "they ship"
PUBLIC = "--weights imagenet (downloaded when first used), random or a file"
NONE = "--weights random or a file"


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes:
        px: pixels of its input's side.
    """

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
        name: what `--model` takes.
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
