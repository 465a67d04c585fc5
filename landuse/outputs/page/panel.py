"""The panel beside the map: legend with areas, what changed, and how far the figures can be trusted."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from jinja2 import Environment

from landuse.outputs.page.assets import panel_template
from landuse.outputs.page.evidence import sentences
from landuse.outputs.page.folders import MapChange, MapYear
from landuse.outputs.page.payload import PageClass, PageData, tiers_of
from landuse.outputs.record import RunRecord

MOST_SITES = 100
MOST_TRANSITIONS = 12
OPACITY = 80
OPACITY_OVER_IMAGERY = 60
TIER_DASHES = ("", "7 5", "2 5")


def panel_html(data: PageData, title: str) -> str:
    """The panel as HTML; every word from the data is escaped by the template engine."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(panel_template())
    return template.render(
        title=title,
        subtitle=_subtitle(data),
        years=[{"label": y.label, "total": _hectares(y.mapped_ha)} for y in data.years],
        legend=[_legend_line(data, index, c) for index, c in enumerate(data.classes) if _listed(data, c)],
        several=data.several,
        first=_widest(data),
        changes=[_change(data, change) for change in data.changes],
        notes=_notes(data),
        origins=_origins(data),
        opacity=OPACITY_OVER_IMAGERY if data.pictures else OPACITY,
    )


def default_title(years: list[MapYear], changes: list[MapChange]) -> str:
    """A title in words, such as ``Land use 2010 and 2016, and what changed``."""
    labels = [year.label for year in years]
    if not labels:
        return "What changed"
    listed = " and ".join(filter(None, [", ".join(labels[:-1]), labels[-1]]))
    return f"Land use {listed}{', and what changed' if changes else ''}"


def _subtitle(data: PageData) -> str:
    sides = sorted({float(f.record.grid["chip_m"]) for f in data.years if f.record.grid and "chip_m" in f.record.grid})
    if not sides:
        return "Drawn by landuse from aerial imagery"
    amount = "any number of classes" if data.several else "one class"
    return f"From aerial imagery, {amount} for each square of {' or '.join(f'{side:g}' for side in sides)} m"


def _listed(data: PageData, shown: PageClass) -> bool:
    """Whether a class stands in the legend; that a square lacks one of several is no class to be picked."""
    return not data.several or any(shown.name in year.colors for year in data.years)


def _legend_line(data: PageData, index: int, shown: PageClass) -> dict[str, Any]:
    cells = []
    for year in data.years:
        line = next((line for line in year.summary if line.name == shown.name), None)
        area, share = (line.area_ha, line.share) if line else (0.0, 0.0)
        cells.append({"area": _hectares(area), "share": _percent(share)})
    return {"index": index, "name": shown.name, "color": shown.color, "cells": cells}


def _widest(data: PageData) -> int | None:
    """The class that covers most of the last year, which a page of several classes shows first."""
    areas: dict[str, float] = {line.name: line.area_ha for line in data.years[-1].summary} if data.years else {}
    shown = range(len(data.classes))
    return max(shown, key=lambda index: areas.get(data.classes[index].name, 0.0), default=None)


def _change(data: PageData, change: MapChange) -> dict[str, Any]:
    tiers, by_tier = tiers_of(change), Counter(site.words["tier"] for site in change.sites)
    said = change.evidence.tiers if change.evidence else {}
    return {
        "label": change.label,
        "count": f"{len(change.sites):,}" if change.sites else "",
        "area": _hectares(_area(change.sites)),
        "transitions": _transitions(data, change),
        "tiers": [
            {"name": tier, "words": said.get(tier, ""), "sites": f"{by_tier[tier]:,}", "dashes": TIER_DASHES[min(i, 2)]}
            for i, tier in enumerate(tiers)
            if tier and by_tier[tier]
        ],
        "sentences": sentences(change.evidence) if change.evidence else [],
        "listed": min(len(change.sites), MOST_SITES),
        "more": len(change.sites) > MOST_SITES,
    }


def _transitions(data: PageData, change: MapChange) -> list[dict[str, str]]:
    """Sites and hectares of each pair of classes, the largest first; the small rest in one line."""
    pairs = defaultdict(list)
    for site in change.sites:
        pairs[site.words["from"], site.words["to"]].append(site)
    colors = {c.name: c.color for c in data.classes}
    ordered = sorted(pairs.items(), key=lambda item: (-_area(item[1]), item[0]))
    lines = [
        {
            "words": f"{before} → {after}",
            "from_color": colors[before],
            "to_color": colors[after],
            "sites": f"{len(sites):,}",
            "area": _hectares(_area(sites)),
        }
        for (before, after), sites in ordered[:MOST_TRANSITIONS]
    ]
    rest = [site for _, sites in ordered[MOST_TRANSITIONS:] for site in sites]
    if rest:
        lines.append({"words": "All other pairs", "sites": f"{len(rest):,}", "area": _hectares(_area(rest))})
    return lines


def _notes(data: PageData) -> list[str]:
    """Plain sentences on what the figures mean and do not mean."""
    notes = []
    if data.several:
        notes.append(
            "A square carries every class whose probability reaches a threshold that was chosen for that class, so areas of "
            "different classes overlap, their shares need not add up to 100 %, and a square may carry none. Neighbouring "
            "squares of one class are drawn as one area; anything smaller than a square does not show."
        )
        notes.append(
            "Confidence is the model's own probability that the class is there, averaged over the area. It is no measured "
            "accuracy: that needs places checked on the ground or by eye."
        )
    elif data.years:
        notes.append(
            "Each square carries the one class that the model finds most probable, so edges are coarse and anything smaller "
            "than a square does not show. Neighbouring squares of one class are drawn as one area."
        )
        notes.append(
            "Confidence is the model's own probability for the class it chose, averaged over the area. It is no measured "
            "accuracy: that needs places checked on the ground or by eye."
        )
    if data.changes:
        notes.append(
            "A change site is a place where the evidence of both surveys speaks for change; its probability says how strongly. "
            "Two maps that err in different places differ by more than the ground did, so the areas above cannot be subtracted "
            "from one another to find change. Check a site on the imagery before acting on it."
        )
    notes.append(
        "Areas are hectares of ground, measured on the ellipsoid. One hectare is 10,000 square metres, about 2.5 acres."
    )
    return notes


def _origins(data: PageData) -> list[tuple[str, str]]:
    """Where each folder's figures come from, as its record says."""
    records = [(year.label, year.record) for year in data.years]
    records += [(change.label, change.record) for change in data.changes]
    facts = [(label, _origin(record)) for label, record in records]
    facts.append(("Imagery", _imagery_note(data)))
    return facts


def _origin(record: RunRecord) -> str:
    """What made a folder: command, version, date, model and number of squares."""
    model, chips = record.details.get("model"), record.counts.get("classified")
    parts = [f"landuse {record.command}", record.versions.get("landuse", ""), record.created[:10]]
    parts.append(f"model {model}" if isinstance(model, str) else "")
    parts.append(f"{chips:,.0f} squares" if chips is not None else "")
    return ", ".join(part for part in parts if part)


def _imagery_note(data: PageData) -> str:
    shown = {picture.year for picture in data.pictures}
    missing = [year.label for index, year in enumerate(data.years) if index not in shown]
    if not missing:
        return "a small copy of each survey's imagery is part of this page"
    return (
        f"not part of this page for {', '.join(missing)}, because the rasters could not be read when the page was made"
    )


def _area(sites: Any) -> float:  # noqa: ANN401
    return float(sum(site.numbers["area_ha"] or 0.0 for site in sites))


def _hectares(area: float) -> str:
    return f"{area:,.0f}" if area >= 100 else f"{area:,.1f}"


def _percent(share: float) -> str:
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
