"""OpenVINO, without its reports: importing it sends a message to its makers, by a process of its own, from every worker.

It does without where it finds no `openvino_telemetry`, which is all that is hidden from it here, and only while it is imported.
Its own switch is no setting of a process: it writes into the home of the user.
"""

from __future__ import annotations

import sys
from types import ModuleType

_known: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment] # None marks what is not to be found
_hidden = "openvino_telemetry" not in _known
if _hidden:
    _known["openvino_telemetry"] = None

import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

if _hidden:
    del _known["openvino_telemetry"]

__all__ = ["ops", "ov"]
