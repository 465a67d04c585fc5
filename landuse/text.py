"""Text for people: numbers with their nouns, and what maps and their dates are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def counted(number: float, one: str, many: str | None = None) -> str:
    """A number with its noun, in the singular where it is one.

    Args:
        many: the noun of any other number; `one` with an s unless it is given.

    Example:
        >>> counted(1, "site"), counted(1200, "site"), counted(1, "class", "classes")
        ('1 site', '1,200 sites', '1 class')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def year_in(name: str) -> int | None:
    """The last year, 1900 to 2099, in the name of a file or a folder; None where it holds none.

    Example:
        >>> year_in("landuse_2016"), year_in("survey 20161"), year_in("2010 to 2016")
        (2016, None, 2016)
    """
    years = _YEAR.findall(name)
    return int(years[-1]) if years else None


def date_names(first: str, second: str) -> tuple[str, str]:
    """What people call two dates by the names of their maps: their years, where they tell them apart.

    Example:
        >>> date_names("landuse_2014", "landuse_2020"), date_names("old", "new"), date_names("a_2014", "b_2014")
        (('2014', '2020'), ('old', 'new'), ('a_2014', 'b_2014'))
    """
    years = [name if (year := year_in(name)) is None else str(year) for name in (first, second)]
    names = years if years[0] != years[1] else [first, second]
    return (names[0], names[1]) if names[0] != names[1] else (f"{names[0]} (first)", f"{names[1]} (second)")


def told_apart(paths: Sequence[Path]) -> list[str]:
    """A name for each file or folder: its own without the suffix, and where two are alike, that of a folder above it too.

    Example:
        >>> told_apart([Path("2014/land.tif"), Path("2020/land.tif")]), told_apart([Path("a/2014.tif"), Path("b/2020.tif")])
        (['2014/land', '2020/land'], ['2014', '2020'])
    """
    whole = [path.absolute() for path in paths]
    names = [path.name if path.is_dir() else path.stem for path in whole]
    for level in range(min((len(path.parents) for path in whole), default=0)):
        if len(set(names)) == len(names):
            return names
        above = [path.parents[level].name for path in whole]
        longer = [f"{parent}/{path.stem}" if parent else path.stem for parent, path in zip(above, whole, strict=True)]
        if len(set(longer)) > len(set(names)):
            names = longer
    return names
