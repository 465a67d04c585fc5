"""Whether a survey is brought to what a model learnt from: its colours, and what the network makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from landuse.chips import Chips, ChipSet
from landuse.engine.progress import Progress
from landuse.errors import UsageError
from landuse.models.bundle import SUFFIX, Bundle, write_bundle
from landuse.models.heads import DenseHead, in_graph
from landuse.models.learnt_features import SurveyFeatures, head_for
from landuse.models.libraries import Floats
from landuse.models.runtime import read_cached
from landuse.mosaic import Survey
from landuse.mosaic.flights import Matched, match
from landuse.mosaic.stretch import evenly
from landuse.mosaic.survey import Recolouring
from landuse.options.survey import Normalise
from landuse.palette import Palette
from landuse.scoring.plan import ScoreSettings
from landuse.scoring.run import score_chips

ALIKE = 4.0
"""Mean distance of quantiles, in grey levels, up to which `auto` takes two surveys for alike."""
LEAST_RANGE = 0.35
"""Least range of colours, as a share of the training survey's: a survey of a lake alone is no other light."""


@dataclass(frozen=True)
class Colours:
    """What was decided.

    Attributes:
        recolouring: curves for the survey; None where its colours stay.
        before: mean distance from the model's colours, grey levels; None where it was not measured.
        after: the same with the curves.
        flights: dates of the flights that have curves of their own.
        chips: chips whose features were brought to the training survey's; None where none were.
    """

    recolouring: Recolouring | None
    sentence: str
    before: float | None = None
    after: float | None = None
    flights: tuple[str, ...] = ()
    chips: int | None = None

    def as_dict(self) -> dict[str, object]:
        """For `run.json`."""
        return {
            "recoloured": self.recolouring is not None,
            "distance_before": self.before,
            "distance_after": self.after,
            "flights": list(self.flights),
            "features_of_chips": self.chips,
            "why": self.sentence,
        }


def colours_for(survey: Survey, palette: Palette | None, normalise: Normalise) -> Colours:
    """Decide on the colours of a survey.

    Args:
        palette: the colours that the model learnt from; None where it learnt from single images, which no survey has.
        normalise: ``none`` leaves colours, ``quantile`` changes them, ``auto`` where they are far and curves bring them
            near.

    Raises:
        UsageError: curves are asked for and the model has no palette.
        BandsError: the survey gives other bands than the model learnt from.
    """
    if normalise == "none":
        return Colours(None, "Colours are as the files have them.")
    if palette is None:
        if normalise == "quantile":
            raise UsageError(
                "The model learnt from single images, not from a survey, so there are no colours to bring this survey to: "
                "leave --normalise out, or train on chips of landuse tile."
            )
        return Colours(None, "Colours are as the files have them: the model learnt from single images of many surveys.")
    found = match(survey, palette)
    return _decided(found, normalise)


def _decided(found: Matched, normalise: Normalise) -> Colours:
    before, after = round(found.before, 2), round(found.after, 2)
    if found.recolouring is None:
        return Colours(None, "Colours are as the files have them: the survey has too little imagery to tell.")
    if normalise != "quantile" and before <= ALIKE:
        why = (
            f"Colours are as the files have them: they differ from the training survey's by {before:.0f} of 255 levels."
        )
        return Colours(None, why, before, after)
    if normalise != "quantile" and found.range < LEAST_RANGE:
        return Colours(
            None, "Colours are as the files have them: the survey shows too few kinds of land to tell.", before, after
        )
    flights = tuple(date for date in found.dates if date) if len(found.dates) > 1 else ()
    own = f", each of {len(found.dates)} flights by itself" if flights else ""
    why = f"Colours were brought to those of the training survey{own}: from {before:.0f} to {after:.0f} of 255 levels apart."
    return Colours(found.recolouring, why, before, after, flights)


MOST_CHIPS = 128
"""Chips that are looked at; 64 to 400 gave the same figures (docs/colour.md)."""


def adapted(
    chips: Chips | None, settings: ScoreSettings, colours: Colours, parts: Path
) -> tuple[ScoreSettings, Colours]:
    """The settings with a model whose head is for this survey, and what is said of it.

    The settings stay as they were where the colours stay, and for models without `survey_features`.

    Args:
        chips: whole ones, for a dense grid too, so that its cells say what chips say; None where there is none.
        parts: folder of the run's parts, where the model is written.
    """
    bundle = read_cached(settings.model)
    if colours.recolouring is None:
        return settings, colours
    known = movable(bundle)
    if known is None:
        told = "Features stayed: that takes a logistic head that keeps those of its training survey."
        return settings, replace(colours, sentence=f"{colours.sentence} {told}")
    features = None if chips is None else sampled_features(chips, settings, parts)
    found = None if features is None else head_for(*known, features)
    if features is None or found is None:
        told = "Features stayed: the survey has too few chips, or another mix of classes than the training survey."
        return settings, replace(colours, sentence=f"{colours.sentence} {told}")
    model = write_bundle(replace(bundle, head=found), adapted_model(bundle, parts))
    told = f"So were the features of the network, by {len(features)} chips."
    return replace(settings, model=model), replace(colours, sentence=f"{colours.sentence} {told}", chips=len(features))


def movable(bundle: Bundle) -> tuple[DenseHead, SurveyFeatures] | None:
    """The head that another survey can get, and the features of its training survey; None where a model has no such two."""
    head, learnt = in_graph(bundle.head), bundle.survey_features
    return None if head is None or learnt is None else (head, learnt)


def adapted_model(bundle: Bundle, parts: Path) -> Path:
    """Where the model with a head for the survey is kept while a run lasts."""
    return parts / f"{bundle.name}{SUFFIX}"


def looked_at(chips: Chips, settings: ScoreSettings, colours: Colours) -> int:
    """How many chips `adapted` runs before all others."""
    if colours.recolouring is None or movable(read_cached(settings.model)) is None:
        return 0
    return min(MOST_CHIPS, -(-len(chips) // settings.split**2))


def sampled_features(chips: Chips, settings: ScoreSettings, parts: Path) -> Floats:
    """Features (n, D) of at most `MOST_CHIPS` chips spread over a survey, without those that cannot be read."""
    some = spread(chips, MOST_CHIPS)
    here = replace(settings, master="inline", features=True, max_quarantined=1.0, parts=None, split=1)
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
