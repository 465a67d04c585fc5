"""The two surveys: how season, light, camera and processing make the same land look different."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tools.landscape.frame import F32
from tools.landscape.kinds import Cover
from tools.landscape.spec import Difficulty

RGB = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Season:
    """One survey.

    Attributes:
        year: calendar year.
        bit: its bit in year masks.
        azimuth, elevation: of the sun, degrees clockwise from north and above the horizon.
        gain: multipliers of red, green and blue.
        haze: share of white-blue veil.
        contrast: about mid grey.
        noise: standard deviation of the sensor's noise, digital numbers.
        shift: misregistration to the east and south, metres.
        autumn: 0 in full summer, 1 at the height of leaf colour.
        collar: whether the survey ends in a slanted edge inside its south-east corner.
        turned: share of fields that look like another cover.
        flooded: share of the open land that stands under water.
        seams: how far flight strips differ in gain.
    """

    year: int
    bit: int
    azimuth: float
    elevation: float
    gain: tuple[float, float, float]
    haze: float
    contrast: float
    noise: float
    shift: tuple[float, float]
    autumn: float
    collar: bool
    turned: float = 0.0
    flooded: float = 0.0
    seams: float = 0.0


SEASONS = (
    Season(2014, 1, 148.0, 54.0, (1.00, 1.00, 1.00), 0.045, 1.06, 1.6, (0.0, 0.0), 0.0, False),
    Season(2020, 2, 214.0, 42.0, (1.025, 0.995, 0.965), 0.075, 1.00, 2.0, (0.55, -0.35), 1.0, True),
)
HARD_SEASONS = (
    replace(SEASONS[0], flooded=0.01, seams=0.06),
    replace(
        SEASONS[1], azimuth=222.0, elevation=33.0, gain=(1.08, 1.0, 0.9), haze=0.16, contrast=0.92, noise=3.5,
        shift=(1.6, -1.2), turned=0.35, flooded=0.03, seams=0.14,
    ),
)  # fmt: skip


def seasons_of(difficulty: Difficulty) -> tuple[Season, ...]:
    """The two surveys of a difficulty, the earlier first."""
    return HARD_SEASONS if difficulty == "hard" else SEASONS


SUMMER: dict[Cover, tuple[RGB, RGB]] = {
    Cover.NONE: ((108, 116, 84), (96, 104, 76)),
    Cover.LAWN: ((116, 131, 84), (136, 138, 98)),
    Cover.CROP: ((100, 128, 72), (110, 132, 80)),
    Cover.PASTURE: ((124, 141, 86), (146, 146, 98)),
    Cover.LITTER: ((70, 78, 52), (84, 82, 60)),
    Cover.SHRUB: ((124, 124, 82), (144, 136, 98)),
    Cover.MEADOW: ((150, 142, 98), (128, 132, 84)),
    Cover.MARSH: ((112, 112, 70), (88, 98, 62)),
    Cover.SAND: ((186, 171, 142), (160, 146, 122)),
    Cover.ROCK: ((170, 163, 152), (146, 140, 132)),
    Cover.WATER: ((46, 62, 68), (52, 70, 72)),
    Cover.PAVED: ((136, 134, 130), (122, 121, 119)),
    Cover.GRAVEL: ((172, 164, 150), (158, 150, 136)),
    Cover.VERGE: ((118, 128, 80), (136, 134, 94)),
}
AUTUMN: dict[Cover, tuple[RGB, RGB]] = {
    Cover.NONE: ((112, 112, 82), (100, 100, 74)),
    Cover.LAWN: ((118, 131, 80), (140, 136, 94)),
    Cover.CROP: ((150, 132, 96), (140, 126, 92)),
    Cover.PASTURE: ((132, 140, 84), (156, 146, 98)),
    Cover.LITTER: ((94, 80, 56), (104, 86, 60)),
    Cover.SHRUB: ((136, 122, 82), (150, 130, 94)),
    Cover.MEADOW: ((166, 146, 102), (146, 134, 90)),
    Cover.MARSH: ((130, 114, 74), (104, 96, 64)),
    Cover.SAND: ((188, 173, 144), (164, 149, 124)),
    Cover.ROCK: ((172, 165, 154), (148, 142, 134)),
    Cover.WATER: ((40, 54, 64), (46, 62, 70)),
    Cover.PAVED: ((138, 136, 132), (124, 123, 121)),
    Cover.GRAVEL: ((174, 166, 152), (160, 152, 138)),
    Cover.VERGE: ((124, 126, 80), (142, 134, 92)),
}
CROPS_SUMMER: tuple[RGB, ...] = (
    (84, 116, 62),
    (92, 124, 66),
    (112, 136, 74),
    (186, 168, 112),
    (150, 124, 96),
    (138, 150, 92),
    (104, 128, 76),
)
CROPS_AUTUMN: tuple[RGB, ...] = (
    (176, 154, 110),
    (160, 138, 100),
    (132, 118, 78),
    (144, 120, 96),
    (108, 136, 74),
    (128, 144, 84),
    (168, 150, 104),
)
HARDWOODS_SUMMER: tuple[RGB, ...] = ((74, 96, 58), (80, 102, 60), (86, 108, 64), (94, 114, 68), (104, 122, 74))
HARDWOODS_AUTUMN: tuple[RGB, ...] = (
    (88, 102, 58),
    (96, 106, 58),
    (106, 110, 60),
    (120, 114, 62),
    (138, 122, 66),
    (146, 116, 64),
    (144, 98, 62),
    (128, 84, 60),
)
CONIFERS: tuple[RGB, ...] = ((54, 74, 56), (60, 80, 58), (64, 84, 60))
ROOFS: tuple[RGB, ...] = (
    (128, 124, 121),
    (110, 106, 104),
    (142, 130, 117),
    (158, 154, 150),
    (138, 106, 90),
    (116, 107, 98),
    (100, 97, 99),
    (174, 170, 163),
)
FLATS: tuple[RGB, ...] = (
    (214, 213, 208),
    (196, 194, 188),
    (160, 158, 154),
    (184, 182, 178),
    (106, 105, 106),
    (206, 200, 190),
    (150, 152, 158),
)
PAINTS: tuple[RGB, ...] = (
    (226, 226, 226),
    (62, 64, 68),
    (160, 162, 164),
    (122, 44, 40),
    (52, 70, 108),
    (196, 196, 192),
    (90, 92, 94),
)


@cache
def table(colours: tuple[RGB, ...]) -> F32:
    """Colours as float32 (n, 3), 0 to 255."""
    return np.array(colours, np.float32)


def cover_colours(season: Season) -> tuple[F32, F32]:
    """Base and second colour of every cover in a season, each (covers, 3)."""
    palette = AUTUMN if season.autumn > 0.5 else SUMMER
    return table(tuple(palette[c][0] for c in Cover)), table(tuple(palette[c][1] for c in Cover))
