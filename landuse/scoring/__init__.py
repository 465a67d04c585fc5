"""Chips through a network: `block` is what a worker does, `run` is what the driver does."""

from landuse.scoring.run import Scores, ScoreSettings, score_chips

__all__ = ["ScoreSettings", "Scores", "score_chips"]
