"""Chips through a network: `block` is what a worker does, `run` what the driver does."""

from landuse.scoring.plan import ScoreSettings
from landuse.scoring.run import Run, ScoredStrip, Scores, run_chips, score_chips

__all__ = ["Run", "ScoreSettings", "ScoredStrip", "Scores", "run_chips", "score_chips"]
