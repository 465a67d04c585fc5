"""Whether the colours of a survey are brought to those that a model learnt from, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass

from landuse.errors import UsageError
from landuse.mosaic import Survey
from landuse.mosaic.flights import Matched, match
from landuse.mosaic.survey import Recolouring
from landuse.options.survey import Normalise
from landuse.palette import Palette

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
        normalise: ``none`` leaves colours, ``quantile`` changes them, ``auto`` and ``features`` where they are far and
            curves bring them near.

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
