"""Cells seen in two surveys: all that change is inferred from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from landuse.change.posterior import Floats, Mask
from landuse.grid import IntArray

Bands = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SurveyPair:
    """n cells with an answer in both surveys.

    Attributes:
        before, after: (n, K) probabilities of the classes, rows sum to 1.
        lines, columns: int64 (n,) place of each cell in the image of the common ground.
        labels: (n, 2) positions of the classes that the two maps name.
    """

    before: Floats
    after: Floats
    lines: IntArray
    columns: IntArray
    labels: IntArray

    @classmethod
    def of(cls, bands: tuple[Bands, Bands], known: Mask, labels: IntArray) -> SurveyPair:
        """The known cells (H, W) of two rasters of probabilities (K, H, W), in image order."""
        before, after = (np.asarray(band[:, known].T, np.float64) for band in bands)
        lines, columns = np.nonzero(known)
        return cls(before, after, lines, columns, labels)

    @classmethod
    def in_image_order(cls, parts: Sequence[SurveyPair]) -> SurveyPair:
        """The cells of some parts, line by line."""
        lines, columns = (np.concatenate([getattr(part, side) for part in parts]) for side in ("lines", "columns"))
        order = np.lexsort((columns, lines))
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts])[order] for field in fields(cls)))

    def __len__(self) -> int:
        return len(self.before)

    @property
    def same(self) -> Mask:
        """(n,) cells whose two vectors are equal to the last bit: one look that stands in both surveys."""
        return np.asarray((self.before == self.after).all(axis=1))

    def take(self, chosen: IntArray | Mask) -> SurveyPair:
        """Some of the cells, by number or by a mask."""
        return SurveyPair(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def moved(self, down: int, right: int) -> SurveyPair:
        """The same cells in an image that begins so many lines further up and columns further left."""
        return replace(self, lines=self.lines + down, columns=self.columns + right)
