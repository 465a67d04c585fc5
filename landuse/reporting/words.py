"""What a report says, and how it writes numbers, in the language that was asked for; the map page has the same words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landuse.outputs.page.assets import page_words
from landuse.outputs.page.evidence import Evidence
from landuse.reporting.compared import ClassChange, Compared, Interval, Sample, Share

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
        return f"{value:,.{digits}f}".translate({ord(","): thousands, ord("."): decimal})

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
        north, south, east, west = list(self.say("report_compass"))
        sides = (lat, north if lat >= 0 else south), (lon, east if lon >= 0 else west)
        return ", ".join(f"{self.number(abs(value), 5)}°\u00a0{side}" for value, side in sides)

    def listed(self, names: list[str]) -> str:
        """The first names, and how many others there are."""
        first, more = ", ".join(names[:MOST_NAMED]), len(names) - MOST_NAMED
        return self.say("report_others", names=first, n=more) if more > 0 else first

    def tier(self, tier: str) -> str:
        """What a tier is called."""
        return self.say(f"tier_{tier}") if self.knows(f"tier_{tier}") else tier


def default_title(speech: Speech, compared: Compared) -> str:
    """A title in words."""
    return speech.say("report_title", before=compared.dates[0], after=compared.dates[1])


def lead(speech: Speech, compared: Compared) -> str:
    """What is found, in two sentences."""
    areas, lines = compared.summary.area_ha, compared.confirmed()
    whole = speech.hectares(areas.compared)
    if not compared.summary.cells.confirmed:
        return speech.say("report_nothing", before=compared.dates[0], after=compared.dates[1], compared=whole)
    largest = {"from": lines[0].before, "to": lines[0].after, "area": speech.hectares(lines[0].confirmed_ha)}
    return speech.say(
        "report_lead",
        n=compared.summary.sites,
        confirmed=speech.hectares(areas.confirmed),
        share=speech.percent(areas.confirmed / areas.compared),
        compared=whole,
        **largest,
    )


def limits(speech: Speech, compared: Compared, sample: Sample | None) -> list[str]:
    """What else a reader should know before acting."""
    said = _evidence(speech, compared.summary)
    side = (compared.record.grid or {}).get("chip_m")
    if isinstance(side, int | float):
        said.append(speech.say("report_squares_limit", side=speech.length(side)))
    if sample is None:
        said.append(speech.say("report_no_sample"))
    return [*said, speech.say("report_look")]


def _evidence(speech: Speech, evidence: Evidence) -> list[str]:
    cells, areas = evidence.cells, evidence.area_ha
    said = [
        speech.say(
            "evidence_sentence",
            n=cells.confirmed,
            compared=cells.compared,
            different=cells.label_differences,
            confirmed=cells.confirmed,
            different_ha=speech.hectares(areas.label_differences),
            confirmed_ha=speech.hectares(areas.confirmed),
        )
    ]
    alarms = cells.expected_false_alarms
    if alarms is not None and cells.confirmed:
        said.append(speech.say("no_alarm") if alarms < 1 else speech.say("alarms", n=round(alarms)))
    share = evidence.model.expected_change_share if evidence.model else None
    if share is not None:
        key, digits = ("under", 0.1) if share < 0.001 else ("about", 100 * share)
        said.append(speech.say("share_changed", share=speech.say(key, share=speech.number(digits, 1))))
    return said


def accuracy(speech: Speech, compared: Compared, sample: Sample) -> str:
    """What a labelled sample says of the maps."""
    found = sample.accuracy
    return speech.say(
        "report_sampled",
        n=found.units,
        change=_share(speech, found.overall),
        before=compared.dates[0],
        first=_share(speech, found.before.overall),
        after=compared.dates[1],
        last=_share(speech, found.after.overall),
    )


def _share(speech: Speech, found: Share) -> str:
    if found.value is None:
        return speech.say("report_unknown_part")
    value = speech.percent(found.value, 0)
    if found.low is None or found.high is None:
        return value
    return speech.say(
        "report_interval", value=value, low=speech.number(100 * found.low), high=speech.percent(found.high, 0)
    )


def interval(speech: Speech, found: Interval | None) -> str:
    """Hectares with their interval; empty where there is no sample of it."""
    if found is None:
        return ""
    area = speech.hectares(found.area_ha)
    if found.low_ha is None or found.high_ha is None:
        return area
    return speech.say(
        "report_interval", value=area, low=speech.hectares(found.low_ha), high=speech.hectares(found.high_ha)
    )


def signed(speech: Speech, line: ClassChange) -> str:
    """What a class gained in confirmed change, less what it lost."""
    net = line.gained_ha - line.lost_ha
    return "0" if abs(net) < 0.05 else f"{'+' if net > 0 else '−'}{speech.hectares(abs(net))}"
