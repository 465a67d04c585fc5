"""The report as HTML: one file that fetches nothing, in which every word from the data is escaped by the template engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from landuse.reporting import words
from landuse.reporting.by_district import DistrictChange
from landuse.reporting.card import SHORT, MapOrigin, model_sentences
from landuse.reporting.compared import CHANGE, ClassChange, Compared, largest
from landuse.reporting.map_pictures import Maps, shares_of
from landuse.reporting.sample import Sample
from landuse.reporting.sankey import sankey
from landuse.reporting.top_sites import Site
from landuse.version import __version__

MAX_TITLE = 200
MOST_TRANSITIONS, MOST_DISTRICTS = 9, 15
PIN, PIN_TOP = 2.2, 0.08
"""Length of a pin's stem in hundredths of the map's height, and the part of the map above which it would not fit."""
PAPERS = {"a4": "A4", "letter": "letter"}


@dataclass(frozen=True, eq=False)
class Contents:
    """What a report is made of.

    Attributes:
        compared: the comparison.
        maps: their pictures.
        sites: the sites shown.
        districts: the most change first; empty without districts.
        origins: of the two maps.
        sample: of people's answers, if there is one.
    """

    compared: Compared
    maps: Maps
    sites: Sequence[Site]
    districts: Sequence[DistrictChange]
    origins: Sequence[MapOrigin]
    sample: Sample | None


def report_html(contents: Contents, title: str | None = None, paper: str = "a4") -> str:
    """The report as text; `paper` is a name of `PAPERS`."""
    compared, sample = contents.compared, contents.sample
    lines, rest = largest(compared.confirmed(), MOST_TRANSITIONS)
    colors = {c.name: c.color for c in compared.legend.classes}
    height, width = contents.maps.place.shape
    html: str = _template().render(
        version=__version__,
        style=_asset("report.css"),
        paper=PAPERS[paper],
        title=" ".join((title or words.default_title(compared)).split())[:MAX_TITLE],
        lead=words.lead(compared),
        facts=_facts(contents),
        dates=compared.dates,
        maps=contents.maps,
        ratio=width / height,
        marks=_marks(contents),
        classes=[_class(line, sample) for line in compared.classes()],
        transitions=[
            {
                "before": line.before,
                "after": line.after,
                "from_color": colors.get(line.before, "#888888"),
                "to_color": colors.get(line.after, "#888888"),
                "area": words.hectares(line.confirmed_ha),
                "sampled": words.interval(sample.change(line.before, line.after)) if sample else "",
            }
            for line in lines
        ],
        rest=words.hectares(rest) if rest else "",
        sample=sample is not None,
        flows=sankey(lines, colors),
        districts=[_district(line) for line in contents.districts[:MOST_DISTRICTS]],
        more_districts=max(len(contents.districts) - MOST_DISTRICTS, 0),
        sites=[_site(site) for site in contents.sites],
        sites_title=_sites_title(contents),
        tiers=" ".join(f"{tier.capitalize()}: {compared.summary.tiers.get(tier, '')}" for tier in _tiers(contents)),
        unseen=all(site.picture is None for site in contents.sites),
        accuracy=(words.accuracy(sample, compared.dates) if sample else []) + model_sentences(contents.origins),
        limits=words.limits(compared, sample),
        provenance=_provenance(contents),
    )
    return html


@cache
def _template() -> Any:  # noqa: ANN401
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_asset("report.html"))


def _asset(name: str) -> str:
    return (files("landuse.reporting") / "assets" / name).read_text("utf8")


def _facts(contents: Contents) -> list[tuple[str, str]]:
    """What was compared, in a line."""
    compared = contents.compared
    side = (compared.record.grid or {}).get("chip_m")
    facts = [("Earlier map", compared.summary.before), ("Later map", compared.summary.after)]
    facts.append(("Ground compared", f"{words.hectares(compared.summary.area_ha.compared)} ha"))
    if isinstance(side, int | float):
        facts.append(("Squares", f"{compared.summary.cells.compared:,} of {side:g} m"))
    tiers = [f"{count:,} {tier}" for tier, count in compared.summary.sites_by_tier.items() if count]
    return [*facts, ("Places listed in sites.csv", ", ".join(tiers) or "none")]


def _marks(contents: Contents) -> list[dict[str, Any]]:
    """Pins at the sites on the map, the first on top; those near the upper edge hang down."""
    shares = shares_of(contents.maps.place, [site.point for site in contents.sites])
    return [
        {
            "x": x,
            "y": y,
            "number": site.number,
            "stem": -PIN if y > PIN_TOP else PIN,
            "head": 2 * (-PIN if y > PIN_TOP else PIN),
        }
        for (x, y), site in list(zip(shares, contents.sites, strict=True))[::-1]
    ]


def _class(line: ClassChange, sample: Sample | None) -> dict[str, str]:
    return {
        "name": line.name,
        "color": line.color,
        "before": words.hectares(line.before_ha),
        "after": words.hectares(line.after_ha),
        "net": words.signed(line),
        "sampled": words.interval(sample.areas.get(("after", line.name))) if sample else "",
    }


def _district(line: DistrictChange) -> dict[str, str]:
    largest_part = f"{line.before} → {line.after}, {words.hectares(line.largest_ha)} ha"
    return {
        "name": line.name,
        "area": words.hectares(line.changed_ha),
        "share": words.percent(line.share),
        "largest": largest_part,
    }


def _site(site: Site) -> dict[str, Any]:
    sure = site.tier if site.probability is None else f"{site.tier} ({100 * min(site.probability, 0.99):.0f}\u00a0%)"
    return {
        "number": site.number,
        "before": site.before,
        "after": site.after,
        "area": words.hectares(site.area_ha),
        "sure": sure,
        "place": words.place(site.lat, site.lon),
        "picture": site.picture,
    }


def _sites_title(contents: Contents) -> str:
    shown, known = len(contents.sites), contents.compared.summary.sites
    return "All confirmed sites" if shown >= known else f"The {shown} surest and largest of {known:,} sites"


def _tiers(contents: Contents) -> list[str]:
    """The tiers of the sites shown, in their order."""
    shown = {site.tier for site in contents.sites}
    return [tier for tier in contents.compared.summary.tiers if tier in shown]


def _provenance(contents: Contents) -> list[tuple[str, str]]:
    """Which files, versions and digests stand behind the report; names without the folders that they lay in."""
    record = contents.compared.record
    method = ", ".join(
        f"{name.replace('_', ' ')} {record.options[name]}"
        for name in ("method", "min_probability", "min_site")
        if name in record.options
    )
    version = record.versions.get("landuse", "")
    lines = [("Comparison", f"landuse diff {version}, {record.created[:10]}, {method}")]
    lines.append((CHANGE, record.outputs.get(CHANGE, "no digest is recorded")))
    for origin in contents.origins:
        made = "made by another program or not at hand"
        if origin.record is not None:
            model = f"model {origin.model} {origin.digest[:SHORT]}" if origin.model else "model not recorded"
            version = origin.record.versions.get("landuse", "")
            imagery = f"; imagery {words.listed(origin.imagery)}" if origin.imagery else ""
            made = f"landuse classify {version}, {origin.record.created[:10]}, {model}{imagery}"
        lines.append((origin.name, made))
    return [*lines, ("Report", f"landuse {__version__}")]
