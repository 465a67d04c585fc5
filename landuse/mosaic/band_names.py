"""What the bands of a survey are called: by the colours and the descriptions that its files declare, else as is usual."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from landuse.mosaic.headers import Header, read_header
from landuse.mosaic.survey import Survey

USUAL: Mapping[int, tuple[str, ...]] = {3: ("red", "green", "blue"), 4: ("red", "green", "blue", "nir")}
"""Names of so many bands where files declare none: those of most aerial surveys."""
_WORDS = (
    ("nir", re.compile(r"\bnir\b|\b(?:near[ -]?)?infra[ -]?red\b")),
    ("red", re.compile(r"(?<!infra )(?<!infra-)\bred\b(?![ -]?edge)")),
    ("green", re.compile(r"\bgreen\b")),
    ("blue", re.compile(r"\bblue\b")),
)


def band_names(survey: Survey) -> tuple[str, ...]:
    """The names of a survey's bands in order, as its first source declares them.

    A band that declares nothing gets the usual name that is left over: the fourth beside red, green and blue is nir. Alpha
    counts as nothing, for a band that was asked for is imagery.

    Returns:
        As many different names as bands; empty where they cannot be told.
    """
    addresses = survey.sources[0].bands
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
