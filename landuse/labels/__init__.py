"""Labels for chips: from a raster of class codes or from polygons, by one of three rules."""

from landuse.labels.labelling import LabelRequest, Labels, label_cells, label_chips
from landuse.labels.rules import RULES, LabelRule

__all__ = ["RULES", "LabelRequest", "LabelRule", "Labels", "label_cells", "label_chips"]
