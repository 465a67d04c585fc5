"""The default of `diff` before evidence was taken class by class, kept to be compared with."""

from __future__ import annotations

from dataclasses import dataclass

from landuse.change.calibration import Calibration, calibrate_pair
from landuse.change.methods import FittedTransitions
from landuse.change.pair import SurveyPair
from landuse.change.posterior import CellChanges, fit_transitions


class FormerDefault:
    """Both surveys brought to one scale, then the shares of all transitions estimated together."""

    def fit(self, sample: SurveyPair) -> FormerFit:
        """See `calibrate_pair` and `fit_transitions`."""
        scale = calibrate_pair(sample.before, sample.after)
        return FormerFit(fit_transitions(*scale.apply(sample.before, sample.after), same=sample.same), scale)


@dataclass(frozen=True, eq=False)
class FormerFit(FittedTransitions):
    """A model of transitions between surveys on a scale of their own."""

    scale: Calibration

    def apply(self, block: SurveyPair) -> CellChanges:
        """What is said of each cell."""
        return self.model.apply(*self.scale.apply(block.before, block.after), block.same, block.labels)
