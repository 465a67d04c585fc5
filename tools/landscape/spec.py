"""What is asked of a made landscape: its size, its seed, its pixel, and where on Earth it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from landuse.errors import UsageError
from landuse.grid import CHIP_M, Bounds

CRS_CODE = 26919
"""NAD83 / UTM zone 19N: New England."""
YEARS = (2014, 2020)
WEST, NORTH = 1284 * CHIP_M + 56.0, 20984 * CHIP_M - 88.0
"""North-west corner of the first survey pixel. It lies off the chip lattice by some tens of metres, as real surveys do."""
MAX_CHIPS = 2000
Difficulty = Literal["easy", "hard"]


@dataclass(frozen=True, slots=True)
class LandscapeSpec:
    """A made landscape of `chips` x `chips` chips of 224 m.

    Args:
        chips: chips along a side (4 to 2000).
        seed: what the whole layout is drawn from; the same seed gives the same bytes.
        pixel: ground side of a pixel in metres (0.3 to 4).
        quality: JPEG quality of the orthophotos, 1 to 100.
        difficulty: ``easy``, or ``hard``: fields that turn, floods, seams, haze, long shadows and 2 m of misregistration.

    Raises:
        UsageError: a value outside these limits.
    """

    chips: int = 30
    seed: int = 0
    pixel: float = 1.0
    quality: int = 60
    difficulty: Difficulty = "easy"

    def __post_init__(self) -> None:
        if not 4 <= self.chips <= MAX_CHIPS:
            raise UsageError(
                f"A landscape has 4 to {MAX_CHIPS} chips along a side, not {self.chips}; choose --size in that range."
            )
        if not 0.3 <= self.pixel <= 4.0:
            raise UsageError(
                f"A landscape's pixel is 0.3 to 4 metres, not {self.pixel:g}; choose --pixel in that range."
            )
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"A seed is a whole number from 0 to 2147483647, not {self.seed}.")
        if not 1 <= self.quality <= 100:
            raise UsageError(f"JPEG quality runs from 1 to 100, not {self.quality}.")
        if self.difficulty not in get_args(Difficulty):
            raise UsageError(f"A landscape is easy or hard, not {self.difficulty!r}.")

    @property
    def side(self) -> float:
        """Side of the survey in metres."""
        return self.chips * CHIP_M

    @property
    def pixels(self) -> int:
        """Pixels along the survey's side: as many whole ones as fit."""
        return int(self.side / self.pixel + 1e-6)

    @property
    def bounds(self) -> Bounds:
        """Ground of the survey in EPSG:26919."""
        return Bounds(WEST, NORTH - self.side, WEST + self.side, NORTH)
