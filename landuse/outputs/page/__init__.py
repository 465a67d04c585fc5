"""The planner's map: one HTML page that needs no network, made of the folders that `classify` and `diff` write."""

from landuse.outputs.page.write import check_replaceable, write_map

__all__ = ["check_replaceable", "write_map"]
