"""What is painted on: the ground of one frame in one year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.landscape.frame import F32, Frame


@dataclass(frozen=True, slots=True)
class Scene:
    """What painting works on; `rgb` (height, width, 3; 0 to 255), the rest (height, width).

    Attributes:
        frame: the ground.
        rgb: colour under even light.
        height: metres above the ground.
        bare: where no tree may stand.
    """

    frame: Frame
    rgb: F32
    height: F32
    bare: npt.NDArray[np.bool_]
