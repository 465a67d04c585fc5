"""Pixels of a chip without imagery: what the network is shown in their place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
RULE = "mirrored in each chip"
"""Part of the keys of answers and features that are kept: those by another rule are not used again."""
PASSES = 4
"""Each pass reaches as far into a gap as the imagery before it is deep."""


def fill_gaps(chip: Image, valid: Mask) -> None:
    """Go on with the imagery beyond its edge as in a mirror, in place.

    A black corner looks like water to a network, and one colour alone does so, too; mirrored ground looks like more of the
    ground that is there. What the mirror does not reach gets the colour of the nearest imagery.

    Args:
        chip: uint8 (h, w, bands).
        valid: bool (h, w), where there is imagery; nothing happens where that is everywhere or nowhere.
    """
    known = valid.copy()
    for _ in range(PASSES if valid.any() else 0):
        gaps = np.argwhere(~known)
        if not len(gaps):
            return
        nearest = _nearest(known)[gaps[:, 0], gaps[:, 1]]
        opposite = 2 * nearest - gaps
        inside = np.all((opposite >= 0) & (opposite < np.array(known.shape)), axis=1)
        opposite = np.where(inside[:, None], opposite, nearest)
        seen = inside & known[opposite[:, 0], opposite[:, 1]]
        source = np.where(seen[:, None], opposite, nearest)
        chip[gaps[:, 0], gaps[:, 1]] = chip[source[:, 0], source[:, 1]]
        known[gaps[seen, 0], gaps[seen, 1]] = True


def _nearest(known: Mask) -> Places:
    """Row and column of the known pixel that is nearest to each, (h, w, 2)."""
    from scipy.ndimage import distance_transform_edt  # a map without gaps has no use for scipy

    places: Places = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.moveaxis(places, 0, -1)
