"""What a model says of labelled data: chips of a chip table, or image files."""

from landuse.judging.case import Case
from landuse.judging.judge import judge
from landuse.judging.worst import write_worst

__all__ = ["Case", "judge", "write_worst"]
