"""Flows between classes as ribbons: where the shapes of a Sankey diagram lie. Nothing is drawn here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from landuse.change.transitions import Transition

WIDTH, GAP, BAR = 100.0, 3.0, 3.0
"""Width of the drawing, least room between bars, and width of a bar, in units of the drawing."""
ROOM = 26.0
"""Room for the words beside the bars."""
LEAST = 0.6
"""Least height of a ribbon, so that it is seen."""


@dataclass(frozen=True)
class Bar:
    """A class at one date: the upper end and height of its bar, and hectares."""

    name: str
    color: str
    x: float
    y: float
    height: float
    area_ha: float


@dataclass(frozen=True)
class Ribbon:
    """A flow: the path of its outline, as SVG has it, its two classes and hectares."""

    path: str
    color: str
    words: str
    area_ha: float


@dataclass(frozen=True)
class Sankey:
    """Bars of both dates and the ribbons between them."""

    before: tuple[Bar, ...]
    after: tuple[Bar, ...]
    ribbons: tuple[Ribbon, ...]
    width: float
    height: float


def sankey(lines: Sequence[Transition], colors: Mapping[str, str], height: float = 70.0) -> Sankey | None:
    """Lay out confirmed transitions, the largest class first on each side; None where there is none.

    Args:
        height: of the drawing; a unit is one of its width of 100.
    """
    flows = {(line.before, line.after): line.confirmed_ha for line in lines if line.confirmed_ha > 0}
    if not flows:
        return None
    sides = [_totals(flows, side) for side in (0, 1)]
    room = height - GAP * (max(map(len, sides)) - 1)
    scale = room / sum(flows.values())
    before = _bars(sides[0], colors, ROOM, scale)
    after = _bars(sides[1], colors, WIDTH - ROOM - BAR, scale)
    return Sankey(before, after, _ribbons(flows, before, after, scale), WIDTH, height)


def _totals(flows: Mapping[tuple[str, str], float], side: int) -> dict[str, float]:
    totals: dict[str, float] = {}
    for pair, area in flows.items():
        totals[pair[side]] = totals.get(pair[side], 0.0) + area
    return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))


def _bars(totals: Mapping[str, float], colors: Mapping[str, str], x: float, scale: float) -> tuple[Bar, ...]:
    bars, y = [], 0.0
    for name, area in totals.items():
        bars.append(Bar(name, colors.get(name, "#888888"), x, y, area * scale, area))
        y += area * scale + GAP
    return tuple(bars)


def _ribbons(
    flows: Mapping[tuple[str, str], float], before: Sequence[Bar], after: Sequence[Bar], scale: float
) -> tuple[Ribbon, ...]:
    """Each flow from its place on one bar to its place on the other; those of a bar lie in the order of the other side."""
    left, right = {bar.name: bar.y for bar in before}, {bar.name: bar.y for bar in after}
    colors = {bar.name: bar.color for bar in after}
    ribbons = []
    for source in before:
        for target in after:
            area = flows.get((source.name, target.name), 0.0)
            if area:
                path = _path(source.x + BAR, left[source.name], target.x, right[target.name], max(area * scale, LEAST))
                ribbons.append(Ribbon(path, colors[target.name], f"{source.name} → {target.name}", area))
                left[source.name] += area * scale
                right[target.name] += area * scale
    return tuple(ribbons)


def _path(x0: float, y0: float, x1: float, y1: float, height: float) -> str:
    middle = (x0 + x1) / 2
    top = f"M{x0:.2f} {y0:.2f}C{middle:.2f} {y0:.2f} {middle:.2f} {y1:.2f} {x1:.2f} {y1:.2f}"
    bottom = (
        f"L{x1:.2f} {y1 + height:.2f}C{middle:.2f} {y1 + height:.2f} {middle:.2f} {y0 + height:.2f} "
        f"{x0:.2f} {y0 + height:.2f}Z"
    )
    return top + bottom
