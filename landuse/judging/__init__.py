"""What a model says of labelled data: chips of a chip table, or image files."""

from landuse.judging.case import Case
from landuse.judging.judge import judge
from landuse.judging.pictures import worst_pictures

__all__ = ["Case", "judge", "worst_pictures"]
