"""Which bands are red, green and blue: by declared colours, else by the names that satellites' bands go by. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

Order = tuple[int, int, int]
"""Positions of red, green and blue, from 0."""

COLOURS = ("red", "green", "blue")
_NUMBER = re.compile(r"(?<![a-z0-9])(?:sr_)?b(\d{1,2})(?![a-z0-9])", re.IGNORECASE)
_LANDSAT_4_TO_7 = re.compile(r"(?<![a-z0-9])l[te](?:0[457]|[457](?=\d))", re.IGNORECASE)
_LANDSAT_8_AND_9 = re.compile(r"(?<![a-z0-9])l[co](?:0[89]|[89](?=\d))", re.IGNORECASE)
_SENTINEL_2 = re.compile(
    r"(?<![a-z0-9])(?:s2[abcd]?|sentinel[-_ ]?2[abcd]?|t\d\d[a-z]{3}|hls)(?![a-z])|_b0[2-4]", re.IGNORECASE
)
_LETTERS = {"r": "red", "g": "green", "b": "blue"}


def by_colours(kinds: Sequence[str]) -> Order | None:
    """The order that declared colours give; None where red, green and blue are not each declared once.

    Example:
        >>> by_colours(["blue", "green", "red", "nir"])
        (2, 1, 0)
    """
    if any(kinds.count(colour) != 1 for colour in COLOURS):
        return None
    red, green, blue = (list(kinds).index(colour) for colour in COLOURS)
    return red, green, blue


def by_names(names: Sequence[str]) -> Order | None:
    """The order that names of bands, or of their files, give; None where they do not tell.

    Words (``red``, or a last letter ``R``) go first. Of band numbers, B4 B3 B2 are red, green and blue of Landsat 8 and 9 and
    of Sentinel-2, and B3 B2 B1 of Landsat 4 to 7. Where no name tells the satellite, numbers tell only if there is no B1.

    Example:
        >>> by_names(["LC08_SR_B2", "LC08_SR_B3", "LC08_SR_B4"]), by_names(["b1", "b2", "b3", "b4"])
        ((2, 1, 0), None)
    """
    return by_colours([_word(name) for name in names]) or _by_numbers(names)


def band_of(name: str) -> str:
    """The band in the name of a file, with what tells its satellite; the name itself where it holds none.

    Example:
        >>> band_of("T18TWL_20200707T155819_B04_10m"), band_of("T18TWL_20200814T155819_B04_10m")
        ('T18TWL_B04', 'T18TWL_B04')
    """
    found = _NUMBER.findall(name)
    satellite = next((m[0] for p in (_LANDSAT_4_TO_7, _LANDSAT_8_AND_9, _SENTINEL_2) if (m := p.search(name))), "")
    return f"{satellite}_B{found[-1]}" if found else name


def _word(name: str) -> str:
    """The colour in a name; empty where there is none, or more than one."""
    words = re.findall(r"[a-z]+", name.lower())
    found = [word for word, after in pairwise([*words, ""]) if word in COLOURS and after != "edge"]
    if not found and words and re.search(r"(?<![a-z0-9])[rgb]$", name.lower()):
        found = [_LETTERS[words[-1]]]
    return found[0] if len(found) == 1 else ""


def _by_numbers(names: Sequence[str]) -> Order | None:
    numbers = [int(found[-1]) if (found := _NUMBER.findall(name)) else 0 for name in names]
    wanted = _numbers_of(" ".join(names), numbers)
    if any(numbers.count(number) != 1 for number in wanted):
        return None
    red, green, blue = (numbers.index(number) for number in wanted)
    return red, green, blue


def _numbers_of(text: str, numbers: Sequence[int]) -> Order:
    """The band numbers of red, green and blue; -1 where it could be of either kind of satellite."""
    if _LANDSAT_4_TO_7.search(text):
        return 3, 2, 1
    if _LANDSAT_8_AND_9.search(text) or _SENTINEL_2.search(text) or 1 not in numbers:
        return 4, 3, 2
    return -1, -1, -1
