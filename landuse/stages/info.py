"""`info`: what a file or folder is, where it came from, and whether it is whole."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landuse.errors import SourceNotFoundError
from landuse.outputs.record import RECORD, RunRecord, damaged_files, read_record
from landuse.words import counted

Lines = list[tuple[str, str]]


@dataclass(frozen=True)
class Description:
    """What is to be said of a path: labelled lines, and whether all of it is as it was written."""

    lines: Lines
    whole: bool


def info(path: Path) -> Description:
    """Describe a result folder, a model file or a raster.

    Raises:
        SourceNotFoundError: nothing is there, or a folder that no landuse command wrote.
        LanduseError: the file is none of these, or damaged.
    """
    if path.is_dir() and not (path / RECORD).is_file() and (results := sorted(path.glob(f"*/{RECORD}"))):
        return describe_results([file.parent for file in results])
    if path.is_dir():
        record = read_record(path)
        damaged = damaged_files(path, record)
        return Description(describe_record(record) + [(name, what) for name, what in damaged.items()], not damaged)
    from landuse.models.bundle import find_bundle, shipped_bundles

    if str(path) in shipped_bundles():
        return Description(describe_model(find_bundle(str(path))), True)
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file or folder {path}, and no model of that name ships.")
    if path.name == RECORD:
        return info(path.parent)
    if zipfile.is_zipfile(path):
        return Description(describe_model(path), True)
    return Description(describe_raster(path), True)


def describe_results(folders: Sequence[Path]) -> Description:
    """Results that lie in one folder, a line each."""
    lines, whole = [("what", counted(len(folders), "result"))], True
    for folder in folders:
        record = read_record(folder)
        damaged = damaged_files(folder, record)
        state = "whole" if not damaged else f"damaged: {', '.join(f'{name} {what}' for name, what in damaged.items())}"
        lines.append((folder.name, f"landuse {record.command}, {record.created[:10]}, {state}"))
        whole = whole and not damaged
    return Description(lines, whole)


def describe_record(record: RunRecord) -> Lines:
    """The record of a run in lines."""
    lines = [("what", f"result of landuse {record.command}"), ("made", record.created)]
    lines.append(("with", ", ".join(f"{name} {number}" for name, number in record.versions.items())))
    if record.grid:
        lines.append(("grid", "{crs}, chips of {chip_m:g} m and {chip_px} pixels".format(**record.grid)))
    lines += [("from", f"{i.path} ({i.size:,} bytes)" if i.size >= 0 else i.path) for i in record.inputs]
    lines += [(name.replace("_", " "), f"{value:,}") for name, value in record.counts.items()]
    lines += [(name.replace("_", " "), f"{value:,.2f}") for name, value in record.timings.items()]
    return lines + [("file", name) for name in record.outputs]


def describe_model(path: Path) -> Lines:
    """A model file in lines."""
    from landuse.models.bundle import read_bundle

    bundle = read_bundle(path)
    return [
        ("what", f"model {bundle.name}"),
        ("digest", bundle.digest),
        ("classes", ", ".join(bundle.legend.names)),
        ("input", f"{', '.join(bundle.bands)}; chips of {bundle.chip_px} pixels"),
        *((name.replace("_", " "), f"{value}") for name, value in bundle.metrics.items()),
    ]


def describe_raster(path: Path) -> Lines:
    """A raster in lines, by its header alone."""
    from landuse.mosaic import open_survey

    survey = open_survey([path], bands=(1,), collars=False)
    source = survey.sources[0]
    west, south, east, north = survey.bounds_in(survey.crs)
    return [
        ("what", "raster"),
        ("size", f"{source.width} x {source.height} pixels, {source.dtype}"),
        ("crs", survey.crs.name),
        ("bounds", f"{west:.9g} {south:.9g} {east:.9g} {north:.9g}"),
        ("no data", "not declared" if source.nodata[0] is None else f"{source.nodata[0]:g}"),
    ]
