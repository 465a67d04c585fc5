"""A model on the labelled chips of a chip table."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.accuracy.predictions import Names, Predictions
from landuse.bundle import Bundle
from landuse.chips import ChipSet, read_chips
from landuse.engine.progress import Progress
from landuse.errors import ConfigError, NoOverlapError, UsageError
from landuse.judging.case import Case
from landuse.legend import Legend
from landuse.outputs.record import identify
from landuse.scoring import ScoreSettings, score_chips
from landuse.training.chip_samples import chip_groups

SPAN = 8
"""Chips of a block's side: those of one block are drawn together, because neighbours are alike."""


def judge_chips(bundle: Bundle, data: Path, settings: ScoreSettings, group_by: str | None = None) -> Case:
    """Predictions of the labelled chips of a chip table.

    Args:
        bundle: the model, for its legend.
        data: folder of `tile --labels`, or its chip table.
        settings: the model's file, and how it is run.
        group_by: column that says which chips belong together; None takes blocks of 8 x 8 cells.

    Raises:
        UsageError: the chips carry no labels.
        NoOverlapError: not one has a label.
        ConfigError: a label is no class of the model.
        ChipTableError: the chip table lacks the column.
    """
    table = read_chips(data)
    if table.legend is None or table.labels is None:
        raise UsageError(
            f"The chips of {data} carry no labels; cut them with landuse tile --labels FILE --legend NAME."
        )
    labelled = table.labels > 0
    chips = table.subset(labelled)
    if not len(chips) or chips.labels is None:
        raise NoOverlapError(f"Not one chip of {data} has a label, so there is nothing to compare with.")
    truth = positions(chips.labels, table.legend, bundle.legend)
    groups = block_names(chips) if group_by is None else chip_groups(data, table, group_by)[labelled]
    with tempfile.TemporaryDirectory(prefix="landuse-") as parts, Progress(len(chips), "chips") as progress:
        scores = score_chips(chips, settings, Path(parts), progress)
    read = np.asarray(np.isfinite(scores.probabilities).all(axis=1), np.bool_)
    exact = scores.probabilities[read].astype(np.float64)
    return Case(
        Predictions(bundle.legend.names, truth[read], exact.argmax(axis=1).astype(np.int64), exact, groups[read]),
        (*scores.inputs, identify(settings.model)),
        f"blocks of {SPAN} x {SPAN} cells" if group_by is None else f"values of {group_by}",
        bundle.legend,
        tuple(f"{q.chip_id}: {q.cause}" for q in scores.quarantined),
        chips.subset(read),
    )


def positions(labels: npt.NDArray[np.uint8], legend: Legend, known: Legend) -> npt.NDArray[np.int64]:
    """Positions (n,) of label codes in the model's legend, by class name. Raises `ConfigError` for a class it lacks."""
    table = np.full(256, -1, np.int64)
    for c in legend.classes:
        table[c.code] = known.names.index(c.name) if c.name in known.names else -1
    strange = np.unique(labels[table[labels] < 0]).tolist()
    if strange:
        raise ConfigError(
            f"The data have the class {legend.name_of(strange[0])!r}, which the model does not know; "
            f"it knows {', '.join(known.names)}."
        )
    return table[labels]


def block_names(chips: ChipSet) -> Names:
    """The block of 8 x 8 cells that each chip lies in, as text (n,)."""
    blocks = zip((chips.rows // SPAN).tolist(), (chips.cols // SPAN).tolist(), strict=True)
    return np.array([f"{row} {col}" for row, col in blocks], dtype=object)
