"""Where sources meet: the first with imagery at a pixel wins; pixels that several share are filled by their shares. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FULL = 255
HALF = 127
"""Least weight of a valid pixel: half of it must lie on imagery, so that edges stay where they are."""

Image = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Region = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Pixels:
    """Imagery of a window.

    Attributes:
        data: uint8 (H, W, B), north up; 0 where not valid.
        valid: bool (H, W), where there is imagery.
    """

    data: Image
    valid: Mask

    def chips(self, chip_px: int) -> tuple[Image, Mask]:
        """The window cut into chips, in image order: (n, chip_px, chip_px, B) and (n, chip_px, chip_px), both copies."""
        rows, cols = self.valid.shape[0] // chip_px, self.valid.shape[1] // chip_px
        data = self.data.reshape(rows, chip_px, cols, chip_px, -1).swapaxes(1, 2)
        valid = self.valid.reshape(rows, chip_px, cols, chip_px).swapaxes(1, 2)
        return data.reshape(-1, chip_px, chip_px, data.shape[-1]), valid.reshape(-1, chip_px, chip_px)


class Canvas:
    """A window being filled, source after source. `weight` is each pixel's filled share, 0 to 255."""

    def __init__(self, height: int, width: int, bands: int) -> None:
        self.data: Image = np.zeros((height, width, bands), dtype=np.uint8)
        self.weight: Image = np.zeros((height, width), dtype=np.uint8)

    def filled(self, region: Region) -> bool:
        """Whether nothing is left to fill."""
        return bool(self.weight[region].min() == FULL)

    def untouched(self, region: Region) -> bool:
        """Whether nothing has been filled yet."""
        return not self.weight[region].any()

    def put(self, region: Region, colour: Image, weight: Image | None) -> None:
        """Lay `colour` (h, w, B) under what is there; `weight` (h, w) is its share of each pixel, None for all of it."""
        there = self.weight[region]
        if self.untouched(region):
            self.data[region] = colour
            self.weight[region] = FULL if weight is None else weight
            return
        take = FULL - there if weight is None else np.minimum(weight, FULL - there)
        fresh = (there == 0) & (take > 0)
        mixed = (there > 0) & (take > 0)
        target = self.data[region]
        np.copyto(target, colour, where=fresh[..., None])
        if mixed.any():
            target[mixed] = _mix(target[mixed], there[mixed], colour[mixed], take[mixed])
        self.weight[region] = there + take

    def pixels(self) -> Pixels:
        """What came of it; data are blanked where fewer than half of a pixel is filled."""
        valid = self.weight >= HALF
        if not valid.all():
            self.data[~valid] = 0
        return Pixels(self.data, valid)


def _mix(one: Image, share: Image, other: Image, take: Image) -> Image:
    """Mean of two colours (n, B) by their shares (n,)."""
    total = share.astype(np.float32) + take
    mean = (one * share[:, None].astype(np.float32) + other * take[:, None].astype(np.float32)) / total[:, None]
    return np.asarray(np.rint(mean).astype(np.uint8))


def unmultiplied(premultiplied: FloatImage, share: FloatImage) -> tuple[Image, Image]:
    """Colour (h, w, B) and weight (h, w), both uint8, from colour x share and the share itself (0 to 1)."""
    weight = np.rint(np.clip(share, 0.0, 1.0) * FULL).astype(np.uint8)
    colour = premultiplied / np.maximum(share, 1e-6)[..., None]
    return np.rint(np.clip(colour, 0.0, 255.0)).astype(np.uint8), weight
