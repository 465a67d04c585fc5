"""All blocks of a chip set through a network: which are done already, where the others run, what came of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from landuse import __version__
from landuse.bundle import Bundle
from landuse.chips import ChipSet
from landuse.engine.parts import PartStore, part_key
from landuse.engine.progress import Progress
from landuse.engine.quarantine import Quarantined, QuarantinePolicy
from landuse.engine.runner import open_runner
from landuse.errors import BandsError
from landuse.grid import chip_ids
from landuse.models.runtime import Kind, Precision, read_cached
from landuse.outputs.record import FileIdentity, identify
from landuse.scoring.block import BlockReport, BlockWork, ScoreJob, score_block

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ScoreSettings:
    """How chips are run.

    Attributes:
        model: bundle file.
        master: Spark master, or ``inline``.
        runtime: ``openvino`` or ``tensorflow``.
        precision: ``auto``, ``f32`` or ``bf16``.
        features: whether feature vectors are kept.
        max_quarantined: largest share of chips that may fail.
    """

    model: Path
    master: str = "inline"
    runtime: Kind = "openvino"
    precision: Precision = "auto"
    features: bool = False
    max_quarantined: float = 0.01


@dataclass(frozen=True, eq=False)
class Scores:
    """What a network said of every chip of a set.

    Attributes:
        probabilities: float32 (n, classes); NaN where the chip was quarantined.
        features: float32 (n, d) or None; NaN likewise.
        quarantined: the chips that could not be read, with the cause.
        reused: blocks taken from an earlier run.
        computed: blocks of this run.
        precisions: arithmetic of the blocks of this run, ``f32`` or ``bf16``; both where workers differ.
        seconds: time of this run.
        inputs: identity of every source file.
    """

    probabilities: Float32
    features: Float32 | None
    quarantined: tuple[Quarantined, ...]
    reused: int
    computed: int
    precisions: tuple[str, ...]
    seconds: float
    inputs: tuple[FileIdentity, ...]


def score_chips(chips: ChipSet, settings: ScoreSettings, parts: Path, progress: Progress) -> Scores:
    """Run every chip through the model, reusing the parts of earlier runs.

    Args:
        chips: what to run; its grid's pixels give way to the model's own.
        settings: model, place and precision of the run.
        parts: folder of the results of blocks, kept until the caller removes it.
        progress: told of every block that is done.

    Raises:
        BandsError: the model wants another number of bands.
        TooManyQuarantinedError: more chips failed than the settings allow.
    """
    started = time.perf_counter()
    bundle = read_cached(settings.model)
    check_bands(chips, bundle)
    inputs = identify_sources(chips)
    works = plan(chips, bundle, settings, inputs)
    store = PartStore(str(parts))
    existing = store.existing()
    todo = [work for work in works if work.key not in existing]
    reports = run_blocks(chips, bundle, settings, todo, (store, progress))
    quarantined = tuple(q for report in reports for q in report.quarantined)
    QuarantinePolicy(settings.max_quarantined).check(quarantined, len(chips))
    written = {work.key: report.key for work, report in zip(todo, reports, strict=True)}
    parts_of = [(work, written.get(work.key, work.key)) for work in works]
    tables = [(work, store.read(key) if key else None) for work, key in parts_of]
    gather = partial(gather_vectors, tables=tables)
    return Scores(
        probabilities=gather("probabilities", len(bundle.legend)),
        features=gather("features", bundle.head.feature_count) if settings.features else None,
        quarantined=quarantined,
        reused=len(works) - len(todo),
        computed=len(todo),
        precisions=tuple(sorted({r.precision for r in reports})),
        seconds=time.perf_counter() - started,
        inputs=tuple(inputs.values()),
    )


def check_bands(chips: ChipSet, bundle: Bundle) -> None:
    """Raise `BandsError` unless the survey gives the model as many bands as it was trained on."""
    given, wanted = len(chips.survey.bands), len(bundle.bands)
    if given != wanted:
        raise BandsError(
            f"Model {bundle.name} reads {wanted} bands ({', '.join(bundle.bands)}), but the survey gives {given}; "
            "choose them with --bands."
        )


def identify_sources(chips: ChipSet) -> dict[str, FileIdentity]:
    """Identity of every file of the survey, by path."""
    paths = list(dict.fromkeys(band.path for source in chips.survey.sources for band in source.bands))
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(paths, pool.map(identify, paths), strict=True))


def plan(chips: ChipSet, bundle: Bundle, settings: ScoreSettings, inputs: dict[str, FileIdentity]) -> list[BlockWork]:
    """The work of each block. Its key holds all that shapes its answer, so a part of that key can be reused."""
    common = {
        "version": __version__,
        "model": bundle.digest,
        "runtime": settings.runtime,
        "precision": settings.precision,
        "features": settings.features,
        "grid": chips.grid.as_dict() | {"chip_px": bundle.chip_px},
        "bands": list(chips.survey.bands),
        "stretch": chips.survey.stretch,
    }
    digests = [[(inputs[b.path].digest, b.band) for b in source.bands] for source in chips.survey.sources]
    works = []
    for block, where in chips.blocks():
        rows, cols = chips.rows[where], chips.cols[where]
        numbers = np.unique(np.concatenate([chips.sources[i] for i in range(where.start, where.stop)]))
        own = {"block": block.id, "cells": np.stack([rows, cols]).tolist(), "sources": [digests[i] for i in numbers]}
        works.append(BlockWork(block, part_key(**common, **own), rows, cols))
    return works


def run_blocks(
    chips: ChipSet,
    bundle: Bundle,
    settings: ScoreSettings,
    todo: Sequence[BlockWork],
    sinks: tuple[PartStore, Progress],
) -> list[BlockReport]:
    """Run the blocks where the master says; each one's report in the order given."""
    if not todo:
        return []
    store, progress = sinks
    with open_runner(settings.master) as runner:
        job = ScoreJob(
            survey=chips.survey,
            grid=replace(chips.grid, chip_px=bundle.chip_px),
            model=settings.model.resolve(),
            runtime=settings.runtime,
            precision=settings.precision,
            threads=runner.threads_per_task,
            parts=store.folder,
            features=settings.features,
        )
        return runner.map(
            partial(score_block, job),
            todo,
            lambda report: progress.advance(report.chips),
            partial(lost_block, settings),
        )


def lost_block(settings: ScoreSettings, work: BlockWork, cause: str) -> BlockReport:
    """The report of a block that the machine could not finish: every chip of it is quarantined, with the cause."""
    chips = tuple(Quarantined(str(chip), cause) for chip in chip_ids(work.rows, work.cols))
    return BlockReport("", 0, chips, settings.precision, 0.0)


def gather_vectors(name: str, width: int, tables: Sequence[tuple[BlockWork, pa.Table | None]]) -> Float32:
    """One column of all parts as a float32 array (n, width) in the order of the chips; NaN where a chip has no line."""
    pieces = []
    for work, table in tables:
        piece = np.full((len(work.rows), width), np.nan, np.float32)
        pieces.append(piece)
        if table is None:
            continue
        read = np.isin(work.rows * 2**32 + work.cols, table["row"].to_numpy() * 2**32 + table["col"].to_numpy())
        piece[read] = table[name].combine_chunks().flatten().to_numpy().reshape(-1, width)
    return np.concatenate(pieces) if pieces else np.empty((0, width), np.float32)
