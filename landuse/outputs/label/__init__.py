"""One offline page on which people say what they see at sampled places or at change sites."""

from landuse.outputs.label.page import LabelPage, Place, Question, write_label_page
from landuse.outputs.views import Look, looks

__all__ = ["LabelPage", "Look", "Place", "Question", "looks", "write_label_page"]
