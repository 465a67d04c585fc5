"""A model on labelled data: its predictions with where they come from, and whether it has learnt from them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from landuse.errors import ConfigError
from landuse.evaluation.predictions import Judged, Mask, Names, predictions_of
from landuse.legend import Legend
from landuse.models.bundle import Bundle
from landuse.outputs.record import FileIdentity, identify
from landuse.scoring import ScoreSettings
from landuse.scoring.plan import identify_sources
from landuse.text import counted
from landuse.training.pictures import ChipPictures, Pictures
from landuse.training.reading import read_samples
from landuse.training.sample_marks import SampleMarks
from landuse.training.samples import Samples, SampleSettings
from landuse.training.split import DEFAULT_CELLS


@dataclass(frozen=True, eq=False)
class Case:
    """Predictions with where they come from.

    Attributes:
        rows: reference and prediction of every row.
        inputs: the files read.
        unit: what the rows' groups are; "row" where each stands alone.
        legend: of the classes, where it is known.
        skipped: rows that could not be read, each with its cause.
        pictures: of the rows, where they are chips or images.
        seen: bool (n,), rows that the model has learnt from; None where that is not known.
        held_back: figures of the model file, of samples that were held back when it was trained.
    """

    rows: Judged
    inputs: tuple[FileIdentity, ...]
    unit: str = "row"
    legend: Legend | None = None
    skipped: tuple[str, ...] = ()
    pictures: Pictures | None = None
    seen: Mask | None = None
    held_back: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chips(self) -> ChipPictures | None:
        """The rows as chips; None where they are none."""
        return self.pictures if isinstance(self.pictures, ChipPictures) else None


def judge(
    bundle: Bundle, data: Path, settings: ScoreSettings, group_by: str | None = None, root: Path | None = None
) -> Case:
    """Predictions of labelled data.

    Where a table has the column `split`, or annotations a list of what is for testing, only what is held back counts: what
    is to train on would flatter the model.

    Args:
        bundle: the model.
        data: as `read_samples` takes it.
        settings: the model's file, and how it is run.
        group_by: column that says which rows belong together; None takes blocks of 8 x 8 cells of chips.
        root: folder that the paths or the chips of a table are in; None is the table's own.

    Raises:
        UsageError: several labels a row and a model that gives one, or as `read_samples`.
        ConfigError: chips have a class that the model does not know.
        LanduseError: as `read_samples`.
    """
    one_label = bundle.head.thresholds is None
    with tempfile.TemporaryDirectory(prefix="landuse-") as parts:
        samples = read_samples(
            [data],
            SampleSettings(
                settings, bundle.legend, 0.0, Path(parts), root, group_by, one_label=one_label, held_back=True
            ),
        )
    members = members_in(samples, bundle.legend)
    groups, unit = _groups(samples, group_by)
    marks = SampleMarks.of(bundle.training)
    return Case(
        predictions_of(bundle.legend.names, members, samples.features, bundle.head.thresholds, groups),
        (*_sources(samples.pictures), identify(settings.model), *((identify(data),) if data.is_file() else ())),
        unit,
        bundle.legend,
        (
            *samples.skipped,
            *(f"{name}: {n:,} rows of a class that the model does not know" for name, n in samples.ignored.items()),
        ),
        samples.pictures,
        seen=None if marks is None or samples.marks is None else marks.holds(samples.marks),
        held_back=bundle.metrics,
    )


def members_in(samples: Samples, known: Legend) -> Mask:
    """Which of the model's classes each sample is of, bool (n, K). Raises `ConfigError` for a class that it lacks."""
    members = np.zeros((len(samples), len(known)), bool)
    for name, mine in zip(samples.legend.names, samples.members.T, strict=True):
        code = known.code_of(name)
        if code:
            members[:, known.codes.index(code)] |= mine
        elif mine.any():
            raise ConfigError(
                f"The data have the class {name!r}, which the model does not know; it knows {', '.join(known.names)}."
            )
    return members


def _groups(samples: Samples, column: str | None) -> tuple[Names | None, str]:
    """What samples belong together, (n,), and what that is called."""
    if column is not None:
        return samples.layout.groups, f"values of {column}"
    if samples.layout.places is None:
        return None, "row"
    blocks = samples.layout.places.blocks().astype(str).astype(object)
    return blocks, f"blocks of {DEFAULT_CELLS} x {DEFAULT_CELLS} cells"


def _sources(pictures: Pictures | None) -> tuple[FileIdentity, ...]:
    """The rasters that samples are chips of."""
    surveys = pictures.surveys if isinstance(pictures, ChipPictures) else ()
    return tuple(found for survey, _ in surveys for found in identify_sources(survey).values())


def learnt_figures(case: Case) -> dict[str, Any]:
    """How many rows the model has learnt from, and the figures of the others; empty where none is known to be.

    `others` are figures as in metrics.json, None where there are no others. `held_back` is what the model file says of samples
    that were held back when it was trained.
    """
    if case.seen is None or not case.seen.any():
        return {}
    others = case.rows.take(~case.seen)
    return {
        "learnt_from": {
            "rows": int(case.seen.sum()),
            "of": len(case.rows),
            "others": others.figures().as_dict() if len(others) else None,
            "held_back": dict(case.held_back),
        }
    }


def caution(case: Case) -> str:
    """The same as a sentence for the report; empty where no row is known to have been learnt from."""
    found = learnt_figures(case).get("learnt_from")
    if found is None:
        return ""
    said = f"the model has learnt from {found['rows']:,} of the {counted(found['of'], 'row')}, so what follows flatters it."
    if found["others"] is not None:
        left = found["of"] - found["rows"]
        right = found["others"]["accuracy"]
        said += f" Of the {counted(left, 'row')} that it has not learnt from, {right:.1%} {'is' if left == 1 else 'are'} right."
    accuracy = found["held_back"].get("accuracy")
    if isinstance(accuracy, float):
        said += f" Of samples held back when it was trained, {accuracy:.1%} were right."
    return said
