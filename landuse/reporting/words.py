"""The sentences of a report, made of figures."""

from __future__ import annotations

from collections.abc import Sequence

from landuse.outputs.page.evidence import read_evidence, sentences
from landuse.reporting.compared import SUMMARY, ClassChange, Compared
from landuse.reporting.sample import Interval, Sample, Share
from landuse.text import counted

MOST_NAMED = 3
LOOK = "Look at the imagery of a site before acting on it."


def default_title(compared: Compared) -> str:
    """A title in words."""
    return f"What changed between {compared.dates[0]} and {compared.dates[1]}"


def lead(compared: Compared) -> str:
    """What is found, in two sentences."""
    areas, cells, lines = compared.summary.area_ha, compared.summary.cells, compared.confirmed()
    if not cells.confirmed:
        return (
            f"No change between {compared.dates[0]} and {compared.dates[1]} is sure enough to be listed "
            f"on the {hectares(areas.compared)} ha that were compared."
        )
    first = lines[0]
    return (
        f"{hectares(areas.confirmed)} ha in {counted(compared.summary.sites, 'place')} are confirmed as changed, "
        f"{percent(areas.confirmed / areas.compared)} of the {hectares(areas.compared)} ha that were compared. "
        f"The largest part went from {first.before} to {first.after}: {hectares(first.confirmed_ha)} ha."
    )


def limits(compared: Compared, sample: Sample | None) -> list[str]:
    """What a reader should know before acting."""
    said = list(compared.summary.limits) or [compared.summary.note or ""]
    evidence = read_evidence(compared.folder / SUMMARY)
    said += sentences(evidence) if evidence is not None else []
    side = (compared.record.grid or {}).get("chip_m")
    if isinstance(side, int | float):
        said.append(
            f"Each square of {side:g} m has one class. What is smaller than a square can be missed, and areas are those of "
            "whole squares: they are no parcels."
        )
    if sample is None:
        said.append(
            "No sample of this change that people labelled is part of the report, so that hectares stand without an interval. "
            "landuse assess draws one."
        )
    said.append(LOOK)
    return [text for text in said if text]


def accuracy(sample: Sample, dates: Sequence[str]) -> list[str]:
    """What a labelled sample says of the map."""
    found = sample.accuracy
    lines = [
        f"People looked at {counted(found.units, 'square')} of both dates. By their answers the change map is right on "
        f"{share(found.overall)} of the land, the map of {dates[0]} on {share(found.before.overall)} and that of {dates[1]} on "
        f"{share(found.after.overall)}."
    ]
    return lines + list(found.notes)


def share(found: Share) -> str:
    """A share with its interval."""
    if found.value is None:
        return "an unknown part"
    if found.low is None or found.high is None:
        return f"{100 * found.value:.0f} %"
    return f"{100 * found.value:.0f} % ({100 * found.low:.0f} to {100 * found.high:.0f} %)"


def interval(found: Interval | None) -> str:
    """Hectares with their interval; empty where there is no sample of it."""
    if found is None:
        return ""
    if found.low_ha is None or found.high_ha is None:
        return hectares(found.area_ha)
    return f"{hectares(found.area_ha)} ({hectares(found.low_ha)} to {hectares(found.high_ha)})"


def signed(line: ClassChange) -> str:
    """What a class gained in confirmed change, less what it lost."""
    net = line.gained_ha - line.lost_ha
    return "0" if abs(net) < 0.05 else f"{'+' if net > 0 else '−'}{hectares(abs(net))}"


def hectares(area: float) -> str:
    """Hectares without their unit: whole from a hundred on."""
    return f"{area:,.0f}" if area >= 100 else f"{area:,.1f}"


def percent(part: float) -> str:
    """A share in percent, with a decimal where it is small."""
    return "less than 0.1 %" if 0 < part < 0.001 else f"{100 * part:.1f} %" if part < 0.1 else f"{100 * part:.0f} %"


def place(lat: float, lon: float) -> str:
    """Degrees as people write them."""
    return f"{abs(lat):.5f}°\u00a0{'N' if lat >= 0 else 'S'}, {abs(lon):.5f}°\u00a0{'E' if lon >= 0 else 'W'}"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many others there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} others" if more > 0 else "")
