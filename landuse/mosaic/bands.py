"""Which bands of which files are red, green and blue, or the ones that were asked for, and what bands are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath

import numpy as np

from landuse.errors import BandsError
from landuse.mosaic.headers import Header, read_header
from landuse.mosaic.source import Order, Source
from landuse.text import counted

Positions = tuple[int, int, int]
"""Positions of red, green and blue, from 0."""

COLOURS = ("red", "green", "blue")
_NUMBER = re.compile(r"(?<![a-z0-9])(?:sr_)?b(\d{1,2})(?![a-z0-9])", re.IGNORECASE)
_LANDSAT_4_TO_7 = re.compile(r"(?<![a-z0-9])l[te](?:0[457]|[457](?=\d))", re.IGNORECASE)
_LANDSAT_8_AND_9 = re.compile(r"(?<![a-z0-9])l[co](?:0[89]|[89](?=\d))", re.IGNORECASE)
_SENTINEL_2 = re.compile(
    r"(?<![a-z0-9])(?:s2[abcd]?|sentinel[-_ ]?2[abcd]?|t\d\d[a-z]{3}|hls)(?![a-z])|_b0[2-4]", re.IGNORECASE
)
_LETTERS = {"r": "red", "g": "green", "b": "blue"}


def by_colours(kinds: Sequence[str]) -> Positions | None:
    """The order that declared colours give; None where red, green and blue are not each declared once.

    Example:
        >>> by_colours(["blue", "green", "red", "nir"])
        (2, 1, 0)
    """
    if any(kinds.count(colour) != 1 for colour in COLOURS):
        return None
    red, green, blue = (list(kinds).index(colour) for colour in COLOURS)
    return red, green, blue


def by_names(names: Sequence[str]) -> Positions | None:
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


def _by_numbers(names: Sequence[str]) -> Positions | None:
    numbers = [int(found[-1]) if (found := _NUMBER.findall(name)) else 0 for name in names]
    wanted = _numbers_of(" ".join(names), numbers)
    if any(numbers.count(number) != 1 for number in wanted):
        return None
    red, green, blue = (numbers.index(number) for number in wanted)
    return red, green, blue


def _numbers_of(text: str, numbers: Sequence[int]) -> Positions:
    """The band numbers of red, green and blue; -1 where it could be of either kind of satellite."""
    if _LANDSAT_4_TO_7.search(text):
        return 3, 2, 1
    if _LANDSAT_8_AND_9.search(text) or _SENTINEL_2.search(text) or 1 not in numbers:
        return 4, 3, 2
    return -1, -1, -1


RGB = (1, 2, 3)
ASKED: Order = "asked"

Bands = tuple[int, ...]


def sources_of(headers: Sequence[Header], bands: Bands | None) -> list[Source]:
    """One source a raster, or one a scene of single-band files, in the order of the headers.

    Args:
        bands: the asked numbers; None for red, green and blue as the files declare them.

    Raises:
        BandsError: a file lacks the bands, or does not say which of them are red, green and blue.
    """
    for header in headers:
        if header.drawing:
            raise BandsError(f"{header.path} has one bit a pixel: a mask or a drawing, no imagery; leave it out.")
    wanted = len(bands or RGB)
    if wanted == 1 or any(header.count > 1 and header.source.bands[0].part is None for header in headers):
        return [_choose(header, bands, headers) for header in headers]
    scenes: dict[tuple[object, ...], list[Header]] = {}
    for header in headers:
        scenes.setdefault((header.path,) if header.count > 1 else header.place, []).append(header)
    return [
        _choose(members[0], bands, headers) if members[0].count > 1 else _scene(members, bands, headers)
        for members in scenes.values()
    ]


def _choose(header: Header, bands: Bands | None, headers: Sequence[Header]) -> Source:
    order, chosen = _order_in(header) if bands is None else (ASKED, bands)
    if max(chosen) > header.count:
        raise BandsError(_too_few(header, chosen, headers))
    source = header.source
    alpha = source.alpha if source.alpha is not None and source.alpha.band not in chosen else None
    picked = tuple(source.bands[band - 1] for band in chosen)
    nodata = tuple(source.nodata[band - 1] for band in chosen)
    return replace(source, bands=picked, nodata=nodata, alpha=alpha, order=order)


def _order_in(header: Header) -> tuple[Order, Bands]:
    if (found := by_colours(header.colours)) is not None:
        return "colours", _numbers(found)
    if (found := by_names(header.names)) is not None:
        return "names", _numbers(found)
    return "place", RGB


def _numbers(order: Sequence[int]) -> Bands:
    return tuple(position + 1 for position in order)


def _too_few(header: Header, bands: Bands, headers: Sequence[Header]) -> str:
    path, has = header.path, counted(header.count, "band")
    others = [other for other in headers if other.count >= max(bands)]
    alike = sum(other.place == header.place and other.count == 1 for other in headers) - 1
    if others and header.count == 1:
        apart = f"{path} has {has}, and {others[0].path} has {counted(others[0].count, 'band')}: they are not of one survey."
        if alike:
            return f"{apart} It and {counted(alike, 'more file')} are the bands of one scene: give them by themselves."
        grey = f"gdalbuildvrt -b 1 -b 1 -b 1 grey.vrt {path} gives three equal bands."
        return f"{apart} Leave it out, or make it alike: {grey}"
    if others:
        wanted = f"band {max(bands)} is asked for, which {others[0].path} has"
        return f"{path} has {has}, but {wanted}; leave one of them out."
    colours = header.count - (header.source.alpha is not None)
    return (
        f"{path} has {has}, but band {max(bands)} is asked for; choose among 1 to "
        f"{header.count} with --bands, for example --bands {listed(_suggestion(colours, len(bands)))}."
    )


def _scene(members: Sequence[Header], bands: Bands | None, headers: Sequence[Header]) -> Source:
    first = members[0]
    if max(bands or RGB) > len(members):
        raise BandsError(_files_missing(members, bands or RGB, headers))
    order, chosen = _order_of(members) if bands is None else (ASKED, bands)
    picked = [members[band - 1].source for band in chosen]
    name = first.source.name if len(members) == 1 else f"{first.source.name}+{len(members) - 1}"
    shared = set.intersection(*(set(source.overviews) for source in picked))
    return replace(
        first.source,
        name=name,
        bands=tuple(source.bands[0] for source in picked),
        dtype=str(np.result_type(*(source.dtype for source in picked))),
        nodata=tuple(source.nodata[0] for source in picked),
        alpha=None,
        masked=any(source.masked for source in picked),
        overviews=tuple(sorted(shared)),
        order=order,
        lossy=any(source.lossy for source in picked),
    )


def _order_of(members: Sequence[Header]) -> tuple[Order, Bands]:
    """How the files of a scene are told apart, and the numbers of its red, green and blue. Raises `BandsError`."""
    if (found := by_colours([member.colours[0] for member in members])) is not None:
        return "colours", _numbers(found)
    names = [PurePosixPath(member.path).stem for member in members]
    for texts in (names, [member.names[0] for member in members]):
        if (found := by_names(texts)) is not None:
            return "names", _numbers(found)
    if by_names(list(dict.fromkeys(map(band_of, names)))) is not None:
        twice = next(name for name in names if sum(band_of(other) == band_of(name) for other in names) > 1)
        raise BandsError(
            f"Several files hold the band of {twice}: they are scenes of one grid; give one scene at a time."
        )
    files = ", ".join(f"{number} {PurePosixPath(member.path).name}" for number, member in enumerate(members[:8], 1))
    raise BandsError(
        f"Neither colours nor names say which of these files hold red, green and blue: {files}; give their numbers with "
        "--bands, as --bands 1,2,3, or declare their colours: gdal_edit.py -colorinterp_1 red FILE."
    )


def _files_missing(members: Sequence[Header], bands: Bands, headers: Sequence[Header]) -> str:
    first = members[0]
    here = "" if len(members) == 1 else f" and {len(members) - 1} more on the same grid"
    hold = "hold one band each" if here else "holds one band"
    among = f"choose among 1 to {len(members)} with --bands, for example" if here else "give"
    alone = "leave it out if it belongs to no scene, " if len(headers) > len(members) else ""
    return (
        f"{first.path}{here} {hold}, so there is no band {max(bands)}; {alone}name the files of all bands "
        f"(they must share CRS, origin, pixel size and shape), or {among} "
        f"--bands {listed(_suggestion(len(members), len(bands)))}."
    )


def _suggestion(count: int, wanted: int) -> Bands:
    return tuple(min(number, count) for number in range(1, wanted + 1))


def listed(bands: Sequence[int]) -> str:
    """Band numbers as the command line has them."""
    return ",".join(map(str, bands))


USUAL: Mapping[int, tuple[str, ...]] = {3: ("red", "green", "blue"), 4: ("red", "green", "blue", "nir")}
"""Names of so many bands where files declare none: those of most aerial surveys."""
_WORDS = (
    ("nir", re.compile(r"\bnir\b|\b(?:near[ -]?)?infra[ -]?red\b")),
    ("red", re.compile(r"(?<!infra )(?<!infra-)\bred\b(?![ -]?edge)")),
    ("green", re.compile(r"\bgreen\b")),
    ("blue", re.compile(r"\bblue\b")),
)


def band_names(source: Source) -> tuple[str, ...]:
    """The names of a source's bands in order, as its files declare them.

    A band that declares nothing gets the usual name that is left over: the fourth beside red, green and blue is nir. Alpha
    counts as nothing, for a band that was asked for is imagery.

    Returns:
        As many different names as bands; empty where they cannot be told.
    """
    addresses = source.bands
    headers = {path: read_header(path) for path in dict.fromkeys(address.path for address in addresses)}
    return completed([_declared(headers[address.path], address.part or address.band - 1) for address in addresses])


def completed(declared: Sequence[str]) -> tuple[str, ...]:
    """Names with the usual ones that are left over in place of empty ones; empty where that cannot be done.

    Example:
        >>> completed(["blue", "green", "red", ""]), completed(["", "", ""]), completed(["red", "red", ""])
        (('blue', 'green', 'red', 'nir'), ('red', 'green', 'blue'), ())
    """
    left = [name for name in USUAL.get(len(declared), ()) if name not in declared]
    if declared.count("") == len(left):
        rest = iter(left)
        declared = [name or next(rest) for name in declared]
    return tuple(declared) if all(declared) and len(set(declared)) == len(declared) else ()


def word_of(text: str) -> str:
    """The band that a description names, such as "near infrared"; empty where it names none, or several.

    Example:
        >>> word_of("Band 4 (Near-Infrared)"), word_of("Red Edge 1"), word_of("1")
        ('nir', '', '')
    """
    found = [name for name, pattern in _WORDS if pattern.search(text.lower().replace("_", " "))]
    return found[0] if len(found) == 1 else ""


def _declared(header: Header, position: int) -> str:
    """What a file declares of a band: its colour, else what its description names."""
    colour = header.colours[position] if position < len(header.colours) else ""
    described = header.names[position] if position < len(header.names) else ""
    return word_of(colour) or word_of(described)
