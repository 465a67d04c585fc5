"""A head for the survey at hand (`--normalise features`): where colours were brought to the training survey's, features are.

Some chips, spread over the survey, go through the network first. What they show is put into the head of a model file of this
run, so that workers and the keys of parts need to know nothing of it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from landuse.chips import Chips, ChipSet
from landuse.engine.progress import Progress
from landuse.models.arrays import Floats
from landuse.models.bundle import SUFFIX, write_bundle
from landuse.models.heads import in_graph
from landuse.models.runtime import read_cached
from landuse.models.survey_features import head_for
from landuse.mosaic.stretch import evenly
from landuse.scoring.colours import Colours
from landuse.scoring.plan import ScoreSettings
from landuse.scoring.run import score_chips

MOST_CHIPS = 128
"""Chips that are looked at; 64 to 400 gave the same figures (docs/colour.md)."""


def adapted(chips: Chips, settings: ScoreSettings, colours: Colours, parts: Path) -> tuple[ScoreSettings, Colours]:
    """The settings with a model whose head is for this survey, and what is said of it.

    The settings stay as they were where the colours stay, for cells smaller than a chip, and for models without
    `survey_features`.

    Args:
        parts: folder of the run's parts, where the model is written.
    """
    bundle = read_cached(settings.model)
    learnt, head = bundle.survey_features, in_graph(bundle.head)
    if colours.recolouring is None:
        return settings, colours
    if settings.split > 1 or learnt is None or head is None:
        told = "Features stayed: that takes whole chips and a logistic head that keeps those of its training survey."
        return settings, replace(colours, sentence=f"{colours.sentence} {told}")
    features = sampled_features(chips, settings, parts)
    found = head_for(head, learnt, features)
    if found is None:
        told = "Features stayed: the survey has too few chips, or another mix of classes than the training survey."
        return settings, replace(colours, sentence=f"{colours.sentence} {told}")
    model = write_bundle(replace(bundle, head=found), parts / f"{bundle.name}{SUFFIX}")
    told = f"So were the features of the network, by {len(features)} chips."
    return replace(settings, model=model), replace(colours, sentence=f"{colours.sentence} {told}", chips=len(features))


def sampled_features(chips: Chips, settings: ScoreSettings, parts: Path) -> Floats:
    """Features (n, D) of at most `MOST_CHIPS` chips spread over a survey, without those that cannot be read."""
    some = spread(chips, MOST_CHIPS)
    here = replace(settings, master="inline", features=True, max_quarantined=1.0, parts=None)
    with Progress(len(some), "chips", "looking") as progress:
        found = score_chips(some, here, parts, progress).features
    rows = np.empty((0, 0), np.float32) if found is None else found
    return np.asarray(rows[np.isfinite(rows).all(axis=1)], np.float32)


def spread(chips: Chips, most: int) -> ChipSet:
    """At most so many chips, evenly over the order of all."""
    wanted = evenly(len(chips), most)
    found, first = [], 0
    for strip in chips.strips():
        found.append(strip.take(wanted[(wanted >= first) & (wanted < first + len(strip))] - first))
        first += len(strip)
    return ChipSet.joined(found)
