"""What a model says of labelled data: chips of a chip table, or image files."""

from landuse.judging.judge import Case, caution, judge, learnt_figures
from landuse.judging.worst import write_worst

__all__ = ["Case", "caution", "judge", "learnt_figures", "write_worst"]
