"""What a report says and how it writes numbers, in the language that was asked for; the map page has the same words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landuse.outputs.page.assets import page_words

MARKS = {"en": (",", "."), "es": (".", ",")}
"""What parts thousands, and whole numbers from decimals."""
LEAST_PARTED = {"en": 1_000, "es": 10_000}
"""From which number on thousands are parted (Unicode CLDR: minimum grouping digits)."""
MOST_NAMED = 3


@dataclass(frozen=True)
class Speech:
    """A language of `words.json`: ``en`` or ``es``."""

    language: str = "en"

    def say(self, key: str, **values: Any) -> str:  # noqa: ANN401
        """A text of the words file with names, and numbers as the language writes them; `n` chooses singular or plural."""
        found = page_words()[self.language][key]
        text: str = found if isinstance(found, str) else found["one" if values.get("n") == 1 else "other"]
        said = {name: self.number(value) if isinstance(value, int) else value for name, value in values.items()}
        return text.format_map(said)

    def knows(self, key: str) -> bool:
        """Whether the words file has a text."""
        return key in page_words()[self.language]

    def number(self, value: float, digits: int = 0) -> str:
        """A number with some decimals."""
        thousands, decimal = MARKS[self.language]
        if abs(value) < LEAST_PARTED[self.language]:
            thousands = ""
        return f"{value:,.{digits}f}".translate(str.maketrans({",": thousands, ".": decimal}))

    def length(self, value: float) -> str:
        """A number of metres with the decimals it has."""
        return f"{value:g}".replace(".", MARKS[self.language][1])

    def hectares(self, area: float) -> str:
        """Hectares without their unit: whole from a hundred on."""
        return self.number(area, 0 if area >= 100 else 1)

    def percent(self, part: float, digits: int | None = None) -> str:
        """A share in percent, with a decimal where it is small unless `digits` says otherwise."""
        if digits is None and 0 < part < 0.001:
            return self.say("under", share=self.number(0.1, 1))
        decimals = int(part < 0.1) if digits is None else digits
        return self.say("percent", share=self.number(100 * part, decimals))

    def place(self, lat: float, lon: float) -> str:
        """Degrees as people write them."""
        north, south, east, west = self.say("report_compass")
        sides = (lat, north if lat >= 0 else south), (lon, east if lon >= 0 else west)
        return ", ".join(f"{self.number(abs(value), 5)}°\u00a0{side}" for value, side in sides)

    def listed(self, names: list[str]) -> str:
        """The first names, and how many others there are."""
        first, more = ", ".join(names[:MOST_NAMED]), len(names) - MOST_NAMED
        return self.say("report_others", names=first, n=more) if more > 0 else first

    def tier(self, tier: str) -> str:
        """What a tier is called."""
        return self.say(f"tier_{tier}") if self.knows(f"tier_{tier}") else tier
