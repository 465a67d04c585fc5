"""Words around numbers, for sentences that people read."""

from __future__ import annotations


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
