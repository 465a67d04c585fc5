"""Names for the arrays that models take and give."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
"""A batch (n, px, px, bands)."""

Floats = npt.NDArray[np.float32]

Weights = dict[str, Floats]
"""Weight arrays by name, such as "conv1/kernel"."""
