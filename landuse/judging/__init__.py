"""What a model says of labelled data: chips of a chip table, or image files."""

from landuse.judging.case import Case
from landuse.judging.chips import judge_chips
from landuse.judging.images import judge_images
from landuse.judging.pictures import worst_pictures

__all__ = ["Case", "judge_chips", "judge_images", "worst_pictures"]
