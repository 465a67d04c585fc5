"""The ways to infer change, by the name that `diff --method` takes: one class a way, one line of `METHODS` each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from landuse.change.calibration import calibrate_pair
from landuse.change.pair import SurveyPair
from landuse.change.posterior import CellChanges, ChangePosterior, infer_change
from landuse.errors import UsageError


class ChangeModel(Protocol):
    """A way to infer change."""

    def infer(self, pair: SurveyPair) -> ChangePosterior:
        """What two surveys say of each cell and as a whole."""


class Joint:
    """Both surveys' probabilities as they are, with the shares of all transitions estimated from the pair."""

    def infer(self, pair: SurveyPair) -> ChangePosterior:
        """See `infer_change`."""
        return infer_change(pair.before, pair.after, same=pair.same, named=pair.labels)


class Calibrated:
    """As `Joint`, after the surveys are brought to one scale by the pair itself as far as it has the cells for it."""

    def infer(self, pair: SurveyPair) -> ChangePosterior:
        """See `calibrate_pair` and `infer_change`. Cells seen once in two surveys are set apart before calibration."""
        before, after = calibrate_pair(pair.before, pair.after).apply(pair.before, pair.after)
        return infer_change(before, after, same=pair.same, named=pair.labels)


class Independent:
    """1 - sum p q: the chance that two independent looks mean different classes. It is here to be compared with."""

    def infer(self, pair: SurveyPair) -> ChangePosterior:
        """Nothing is learnt from the pair; the transition shares are the mean of the cells' own."""
        p, q = pair.before, pair.after
        every, joint = np.arange(len(p)), p[:, :, None] * q[:, None, :]
        pairs = joint.reshape(len(p), -1)
        moves = np.where(np.eye(p.shape[1], dtype=bool).ravel(), -1.0, pairs)
        most, move = (np.stack(np.divmod(x.argmax(axis=1), p.shape[1]), axis=1) for x in (pairs, moves))
        cells = CellChanges(
            change=np.clip(1 - (p * q).sum(axis=1), 0.0, 1.0),
            pair=most,
            move=move,
            moved=np.maximum(moves.max(axis=1), 0.0),
            named=joint[every, pair.labels[:, 0], pair.labels[:, 1]],
        )
        return ChangePosterior(joint.mean(axis=0), p.mean(axis=0), q.mean(axis=0), cells, 0, True)


METHODS: Mapping[str, ChangeModel] = {
    "calibrated": Calibrated(),
    "joint": Joint(),
    "independent": Independent(),
}
DEFAULT = "calibrated"


def change_model(name: str) -> ChangeModel:
    """The way to infer change of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in METHODS:
        raise UsageError(f"No method {name!r} to infer change: choose one of {', '.join(METHODS)}.")
    return METHODS[name]
