"""tile: which chips a survey holds, and what class they have. No pixel is read but those of masks and of exported chips."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from landuse.chips import CHIPS_FILE, ChipSet, write_chips
from landuse.engine.progress import busy
from landuse.engine.session import open_runner
from landuse.errors import LabelsError, UsageError
from landuse.labels import LabelRequest, label_cells
from landuse.legend import MOST_CODE, load_legend
from landuse.mosaic import Survey
from landuse.options.survey import TileOptions
from landuse.outputs.chip_images import export_chips
from landuse.outputs.folder import claimed_folder, staged_folder
from landuse.outputs.record import FileIdentity, RunRecord, identify, with_digest, write_record
from landuse.stages.survey import survey_chips, survey_lines
from landuse.vector_file import file_and_layer

IDENTIFY_THREADS = 4


def tile(sources: Sequence[str | Path], out: Path, options: TileOptions) -> ChipSet:
    """Write the chip table of a survey to the folder `out`: chips.parquet, run.json, and images where asked for.

    Args:
        sources: rasters as files, folders, globs, VSI or s3 addresses.
        out: folder to write; complete afterwards, or absent.

    Returns:
        The chips as written.

    Raises:
        UsageError: a label field without labels.
        LabelsError: labels that say nothing of any chip.
        LanduseError: see `landuse.stages.survey`, `landuse.labels.label_cells` and `staged_folder` for what can be wrong.
    """
    if options.label_field is not None and options.labels is None:
        raise UsageError("--label-field names an attribute of label polygons; give their file with --labels.")
    with claimed_folder(out, fresh=options.fresh) as target:
        return _tile(sources, target, options)


def _tile(sources: Sequence[str | Path], out: Path, options: TileOptions) -> ChipSet:
    started = time.perf_counter()
    with busy("looking for chips"):
        chips = survey_chips(sources, options)
    found = time.perf_counter()
    left_out: Mapping[str, float] = {}
    if options.labels is not None:
        legend = None if options.legend is None else load_legend(options.legend)
        request = LabelRequest(options.labels, legend, options.label_rule, options.label_field)
        with busy("labelling"):
            labels = label_cells(chips.grid, chips.rows, chips.cols, request)
        chips, left_out = labels.on(chips), labels.left_out
        _check_labelled(chips, options)
    labelled = time.perf_counter()
    with staged_folder(out, fresh=options.fresh) as staging:
        write_chips(staging / CHIPS_FILE, chips)
        if options.export is not None:
            with open_runner(options.master) as runner:
                export_chips(chips, staging / "images", options.export, runner)
        timings = {
            "find_s": round(found - started, 3),
            "label_s": round(labelled - found, 3),
            "write_s": round(time.perf_counter() - labelled, 3),
        }
        write_record(staging, _record(chips, options, timings, left_out))
    return chips


def _check_labelled(chips: ChipSet, options: TileOptions) -> None:
    """Raise `LabelsError` where the labels say nothing of any chip: a legend of other codes, as a rule."""
    if chips.legend is not None and chips.shares is not None and not chips.shares.any():
        raise LabelsError(
            f"Where the chips lie, {options.labels} holds no code of legend {chips.legend.name}; "
            "give the legend of its codes with --legend."
        )


def class_counts(chips: ChipSet) -> dict[str, int]:
    """Chips of each class by name, in legend order, and those without a label as ``unlabelled``; empty without labels."""
    if chips.labels is None or chips.legend is None:
        return {}
    counts = np.bincount(chips.labels, minlength=MOST_CODE + 1)
    found = {c.name: int(counts[c.code]) for c in chips.legend.classes}
    return found | {"unlabelled": int(counts[0])}


def _record(
    chips: ChipSet, options: TileOptions, timings: dict[str, float], left_out: Mapping[str, float]
) -> RunRecord:
    classes = class_counts(chips)
    counts: dict[str, int | float] = {"chips": len(chips), "sources": len(chips.survey.sources)}
    if chips.labels is not None:
        counts |= {"labelled": int((chips.labels > 0).sum())} | {f"class {name}": n for name, n in classes.items()}
    return RunRecord(
        command="tile",
        options=options.as_json(),
        inputs=_inputs(chips.survey, options),
        grid=chips.grid.as_dict(),
        legend=chips.legend.model_dump(mode="json") if chips.legend else None,
        counts=counts,
        timings=timings,
        details={"survey": survey_lines(chips.survey, chips.grid, options.like)}
        | ({"share_without_class": dict(left_out)} if left_out else {}),
    )


def _inputs(survey: Survey, options: TileOptions) -> tuple[FileIdentity, ...]:
    """Identity of every file that went in; several at once, as their reading leaves the interpreter free."""
    paths = [path for source in survey.sources for path in source.paths]
    paths += [str(file_and_layer(path)[0]) for path in (options.labels, options.aoi) if path is not None]
    with ThreadPoolExecutor(IDENTIFY_THREADS) as threads:
        found = threads.map(identify, dict.fromkeys(paths))
        return tuple(threads.map(with_digest, found) if options.digests else found)
