"""The learning rate of each step."""

from __future__ import annotations

import math
from dataclasses import dataclass

WARM_UP = 0.1
"""Share of all steps in which the rate grows."""


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up, then half a cosine down to 0 (Loshchilov and Hutter 2017, without restarts).

    Attributes:
        peak: the rate at its height.
        steps: of the whole training.
    """

    peak: float
    steps: int

    def rate(self, step: int) -> float:
        """The rate of a step; the first is 0."""
        warm = max(1, round(WARM_UP * self.steps))
        if step < warm:
            return self.peak * (step + 1) / warm
        return self.peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))
