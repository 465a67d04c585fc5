"""OpenVINO without its converter of other libraries' models.

`import openvino` loads the converter too, which takes a quarter of a second, starts a process in every process that imports it
and from there reports the use to OpenVINO's makers. Who wants it beside landuse imports `openvino.tools.ovc` itself.
"""

from __future__ import annotations

from landuse.imports import without

with without("openvino.tools.ovc"):
    import openvino as ov
    from openvino import opset13 as ops
    from openvino import passes

__all__ = ["ops", "ov", "passes"]
