"""Samples of chip tables, with the labels that they carry or those of a table of chip ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from landuse.chips import ChipSet, read_chips, read_columns
from landuse.engine.progress import Progress
from landuse.errors import ConfigError, GridMismatchError, LanduseError, NoOverlapError, UsageError
from landuse.grid import Cell, IntArray
from landuse.legend import Legend
from landuse.models.runtime import read_cached
from landuse.outputs.record import FileIdentity
from landuse.scoring import score_chips
from landuse.scoring.block import GAPS_RULE
from landuse.scoring.plan import check_bands, identify_sources
from landuse.training.cache import FeatureCache, open_cache
from landuse.training.pictures import ChipPictures
from landuse.training.sample_marks import chip_marks
from landuse.training.samples import Floats, Samples, SampleSettings, classed, digest_of, joined, strata_of
from landuse.training.split import Layout, Names, Places
from landuse.training.tables import LabelTable

UNLABELLED = "The chips carry no labels; cut them with landuse tile --labels FILE --legend NAME."


def chip_samples(paths: Sequence[Path], settings: SampleSettings) -> Samples:
    """Samples of one or more labelled chip tables on one lattice.

    Raises:
        UsageError: chips without labels, or of different legends.
        GridMismatchError: chips of different lattices.
        NoOverlapError: not one chip has a label.
    """
    tables = [read_chips(path) for path in paths]
    check_tables(tables)
    if tables[0].legend is None:
        raise UsageError(UNLABELLED)
    with Progress(sum(map(len, tables)), "chips", "reading") as progress:
        return joined([_labelled(table, path, settings, progress) for table, path in zip(tables, paths, strict=True)])


def check_tables(tables: Sequence[ChipSet]) -> None:
    """Raise unless all tables share one lattice and one legend."""
    first = tables[0]
    for other in tables[1:]:
        if not first.grid.same_lattice(other.grid):
            raise GridMismatchError(
                "The chip folders lie on different lattices; cut them with the same --crs and --chip-size."
            )
        if other.legend != first.legend:
            raise UsageError("The chip folders have different legends; cut them with the same --legend.")


def _labelled(table: ChipSet, path: Path, settings: SampleSettings, progress: Progress) -> Samples:
    if table.labels is None or table.legend is None:
        raise UsageError(UNLABELLED)
    if settings.soft and table.shares is None:
        raise UsageError(f"The chips of {path} carry no area shares, which --soft-labels needs.")
    pure = np.ones(len(table), bool) if table.purity is None else table.purity >= settings.min_purity
    chosen = np.flatnonzero((table.labels > 0) & pure)
    chips = table.take(chosen)
    groups = None if settings.group_by is None else chip_groups(path, table, settings.group_by)[chosen]
    found = _of_chips(chips, _targets(chips, settings.soft), table.legend, settings, progress)
    return _readable(replace(found, layout=replace(found.layout, groups=groups)))


def _of_chips(chips: ChipSet, targets: Floats, legend: Legend, settings: SampleSettings, progress: Progress) -> Samples:
    """Samples of chips with targets (n, K), features of NaN where one cannot be read."""
    features, digest, skipped = chip_features(chips, settings, progress)
    return Samples(
        features=features,
        targets=targets,
        weights=np.ones(len(chips)),
        layout=Layout(strata_of(targets), Places(chips.rows, chips.cols, chips.grid.chip_m)),
        legend=legend,
        digest=digest_of([digest, hashlib.sha256(targets.tobytes()).hexdigest()]),
        skipped=skipped,
        pictures=ChipPictures(((chips.survey, chips.grid),), np.zeros(len(chips), np.int64), chips.rows, chips.cols),
        marks=chip_marks(chips),
    )


def _readable(samples: Samples) -> Samples:
    return samples.take(np.asarray(np.isfinite(samples.features).all(axis=1)))


def _targets(chips: ChipSet, soft: bool) -> Floats:
    """One 1 for the label of each chip; or its area shares, scaled so that they sum to 1."""
    if chips.legend is None or chips.labels is None:
        raise UsageError(UNLABELLED)
    hard: Floats = np.equal(chips.labels[:, None], np.array(chips.legend.codes, chips.legend.dtype)).astype(np.float32)
    if not soft or chips.shares is None:
        return hard
    total = chips.shares.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, chips.shares / np.where(total > 0, total, 1), hard), np.float32)


def chip_groups(path: Path, table: ChipSet, column: str) -> Names:
    """A column of a chip table as text, in the order of the chips. Raises `ChipTableError` where it is missing."""
    found = read_columns(path, ["row", "col", column])
    values = np.array([str(v) for v in found[column].to_pylist()], dtype=object)
    order = {cell: i for i, cell in enumerate(zip(found["row"].to_pylist(), found["col"].to_pylist(), strict=True))}
    cells = zip(table.rows.tolist(), table.cols.tolist(), strict=True)
    return np.asarray(values[[order[cell] for cell in cells]])


def table_chip_samples(table: LabelTable, root: Path, settings: SampleSettings) -> Samples:
    """Samples of the chips in `root` that a table labels by their ids.

    Raises:
        SourceNotFoundError: there is no chip table in `root`.
        ConfigError: the table has a chip id twice.
        NoOverlapError: not one id is a chip of `root`, or not one label a class.
    """
    every, found = find_chips(table, root)
    said = classed(table.labels, table.path.stem, settings, multi=table.multi, legend=every.legend)
    counted = said.known & (table.sides if settings.held_back and table.sides is not None else True)
    lines = np.flatnonzero((found >= 0) & counted)
    if not said.targets[lines].any():
        raise NoOverlapError(
            f"Not one line of {table.path} gives a chip of {root} a class of legend {said.legend.name}: "
            f"{', '.join(said.legend.names)}."
        )
    lines = lines[np.argsort(found[lines])]
    chips = every.take(found[lines])
    with Progress(len(chips), "chips", "reading") as progress:
        samples = _of_chips(chips, said.targets[lines], said.legend, settings, progress)
    groups = None if table.groups is None else table.groups[lines]
    sides = None if table.sides is None else table.sides[lines]
    return _readable(
        replace(
            samples,
            weights=samples.weights if table.weights is None else table.weights[lines],
            layout=replace(samples.layout, groups=groups, sides=sides),
            multi=table.multi,
            skipped=(*table.skipped, *strangers(table, found, root), *samples.skipped),
            ignored=said.ignored,
        )
    )


def find_chips(table: LabelTable, root: Path) -> tuple[ChipSet, IntArray]:
    """The chips in `root`, and the position of each line's chip among them, -1 where it is none; raises as the above."""
    every = read_chips(root)
    where = {cell: i for i, cell in enumerate(zip(every.rows.tolist(), every.cols.tolist(), strict=True))}
    found = np.array([where.get(_cell(chip), -1) for chip in table.keys], np.int64)
    if len(np.unique(found[found >= 0])) < int((found >= 0).sum()):
        raise ConfigError(f"{table.path} has a chip twice; a chip has one line, with several labels if need be.")
    return every, found


def strangers(table: LabelTable, found: IntArray, root: Path) -> tuple[str, ...]:
    """A sentence for each line whose chip is none of those in `root`."""
    return tuple(
        f"{chip}: it is no chip of {root}" for chip, i in zip(table.keys, found.tolist(), strict=True) if i < 0
    )


def _cell(chip: str) -> tuple[int, int]:
    try:
        cell = Cell.parse(chip)
    except LanduseError:
        return 2**62, 2**62
    return cell.row, cell.col


def chip_features(chips: ChipSet, settings: SampleSettings, progress: Progress) -> tuple[Floats, str, tuple[str, ...]]:
    """Features of chips, float32 (n, d) with NaN where one could not be read, a digest of them all, and causes."""
    check_bands(chips, read_cached(settings.score.model))
    inputs = identify_sources(chips.survey)
    keys = chip_keys(chips, inputs)
    store: FeatureCache | None = None
    features = np.full((len(chips), settings.width), np.nan, np.float32)
    todo = np.arange(len(chips))
    if all(i.size >= 0 for i in inputs.values()):  # what lies at an address may change
        store = open_cache(settings)
    if store is not None:
        features, found = store.find(keys)
        todo = np.flatnonzero(~found)
        progress.advance(len(chips) - len(todo))
    digest = hashlib.sha256(b"".join(keys)).hexdigest()
    if not len(todo):
        return features, digest, ()
    scores = score_chips(chips.take(todo), settings.score, settings.parts, progress)
    features[todo] = scores.probabilities if scores.features is None else scores.features
    if store is not None:
        good = todo[np.isfinite(features[todo]).all(axis=1)]
        store.add([keys[i] for i in good], features[good])
    return features, digest, tuple(f"{q.chip_id}: {q.cause}" for q in scores.quarantined)


def chip_keys(chips: ChipSet, inputs: Mapping[str, FileIdentity]) -> list[bytes]:
    """Key of each chip: its lattice and cell, and the files it is read from and their state, 32 bytes each."""
    sources = [json.dumps([(inputs[b.path].key, b.band) for b in s.bands]) for s in chips.survey.sources]
    grid = {name: value for name, value in chips.grid.as_dict().items() if name != "chip_px"}
    common = hashlib.sha256(json.dumps([grid, chips.survey.bands, chips.survey.stretch, GAPS_RULE]).encode())
    keys = []
    for position, (row, col) in enumerate(zip(chips.rows.tolist(), chips.cols.tolist(), strict=True)):
        key = common.copy()
        key.update(f"{row},{col};{'|'.join(sources[i] for i in chips.sources[position])}".encode())
        keys.append(key.digest())
    return keys
