"""Numbers among words: in sentences that people read, and in the names that they give."""

from __future__ import annotations

import re

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def counted(number: float, one: str, many: str | None = None) -> str:
    """A number with its noun, in the singular where it is one.

    Args:
        number: how many.
        one: the noun of one of them.
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
