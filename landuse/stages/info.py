"""`info`: what a file or a folder is, where it came from, and whether it is whole."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landuse.errors import SourceNotFoundError
from landuse.grid import crs_text
from landuse.models.bundle import find_bundle, read_bundle, shipped_bundles
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
