"""A report: what it is made of, and its HTML, one file that fetches nothing in which the template engine escapes every word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landuse.options.results import ReportOptions
from landuse.outputs.html import asset, beginning, policy, still_page
from landuse.reporting import words
from landuse.reporting.card import SHORT, MapOrigin, model_sentences, origin_of
from landuse.reporting.compared import CHANGE, ClassChange, Compared, Sample, largest, read_compared, read_sample
from landuse.reporting.map_pictures import Maps, draw_maps, shares_of
from landuse.reporting.places import DistrictChange, Site, district_changes, top_sites
from landuse.reporting.sankey import sankey
from landuse.reporting.words import Speech
from landuse.version import __version__

MAX_TITLE = 200
MOST_TRANSITIONS, MOST_DISTRICTS = 9, 15
PIN, PIN_TOP = 2.2, 0.08
"""Length of a pin's stem in hundredths of the map's height, and the part of the map above which it would not fit."""
PACKAGE = "landuse.reporting"


@dataclass(frozen=True, eq=False)
class Contents:
    """What a report is made of.

    Attributes:
        districts: the most change first; empty without districts.
    """

    compared: Compared
    maps: Maps
    sites: Sequence[Site]
    districts: Sequence[DistrictChange]
    origins: Sequence[MapOrigin]
    sample: Sample | None


def report_html(contents: Contents, options: ReportOptions | None = None) -> str:
    """The report as text."""
    options = options or ReportOptions()
    speech, compared, sample = Speech(options.language), contents.compared, contents.sample
    lines, rest = largest(compared.confirmed(), MOST_TRANSITIONS)
    colors = {c.name: c.color for c in compared.legend.classes}
    height, width = contents.maps.place.shape
    heading = " ".join((options.title or words.default_title(speech, compared)).split())[:MAX_TITLE]
    style = f"@page {{ size: {options.paper}; }}\n{asset(PACKAGE, 'report.css')}"
    values = {
        "say": speech.say,
        "hectares": speech.hectares,
        "title": heading,
        "lead": words.lead(speech, compared),
        "facts": _facts(speech, contents),
        "dates": compared.dates,
        "maps": contents.maps,
        "ratio": width / height,
        "marks": _marks(contents),
        "classes": [_class(speech, line, sample) for line in compared.classes()],
        "transitions": [
            {
                "before": line.before,
                "after": line.after,
                "from_color": colors.get(line.before, "#888888"),
                "to_color": colors.get(line.after, "#888888"),
                "area": speech.hectares(line.confirmed_ha),
                "sampled": words.interval(speech, sample.change(line.before, line.after)) if sample else "",
            }
            for line in lines
        ],
        "rest": speech.hectares(rest) if rest else "",
        "sample": sample is not None,
        "flows": sankey(lines, colors),
        "districts": [_district(speech, line) for line in contents.districts[:MOST_DISTRICTS]],
        "more_districts": max(len(contents.districts) - MOST_DISTRICTS, 0),
        "sites": [_site(speech, site) for site in contents.sites],
        "sites_title": _sites_title(speech, contents),
        "tiers": " ".join(_tiers(speech, contents)),
        "unseen": all(site.picture is None for site in contents.sites),
        "accuracy": [words.accuracy(speech, compared, sample)] if sample else [],
        "notes": sample.accuracy.notes if sample else [],
        "model": model_sentences(speech, contents.origins),
        "recorded_limits": compared.summary.recorded_limits,
        "limits": words.limits(speech, compared, sample),
        "provenance": _provenance(speech, contents),
    }
    return still_page(PACKAGE, "report.html", beginning(heading, style, policy(), options.language), values)


def _facts(speech: Speech, contents: Contents) -> list[tuple[str, str]]:
    summary = contents.compared.summary
    side = (contents.compared.record.grid or {}).get("chip_m")
    facts = [("report_earlier", summary.before), ("report_later", summary.after)]
    facts.append(("report_ground", f"{speech.hectares(summary.area_ha.compared)} ha"))
    if isinstance(side, int | float):
        squares = speech.say("report_squares_of", n=summary.cells.compared, side=speech.length(side))
        facts.append(("report_squares", squares))
    tiers = [f"{speech.tier(tier)}: {speech.number(count)}" for tier, count in summary.sites_by_tier.items() if count]
    facts.append(("report_listed", ", ".join(tiers) or speech.say("report_none")))
    return [(speech.say(key), value) for key, value in facts]


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


def _class(speech: Speech, line: ClassChange, sample: Sample | None) -> dict[str, str]:
    return {
        "name": line.name,
        "color": line.color,
        "before": speech.hectares(line.before_ha),
        "after": speech.hectares(line.after_ha),
        "net": words.signed(speech, line),
        "sampled": words.interval(speech, sample.areas.get(("after", line.name))) if sample else "",
    }


def _district(speech: Speech, line: DistrictChange) -> dict[str, str]:
    largest_part = f"{line.before} → {line.after}, {speech.hectares(line.largest_ha)} ha"
    return {
        "name": line.name,
        "area": speech.hectares(line.changed_ha),
        "share": speech.percent(line.share),
        "largest": largest_part,
    }


def _site(speech: Speech, site: Site) -> dict[str, Any]:
    sure = speech.tier(site.tier)
    if site.probability is not None:
        sure = f"{sure} ({speech.percent(min(site.probability, 0.99), 0)})"
    return {
        "number": site.number,
        "before": site.before,
        "after": site.after,
        "area": speech.hectares(site.area_ha),
        "sure": sure.replace(" %", "\u00a0%"),
        "place": speech.place(site.lat, site.lon),
        "picture": site.picture,
    }


def _sites_title(speech: Speech, contents: Contents) -> str:
    shown, known = len(contents.sites), contents.compared.summary.sites
    if shown >= known:
        return speech.say("report_all_sites")
    return speech.say("report_top_sites", shown=shown, known=known)


def _tiers(speech: Speech, contents: Contents) -> list[str]:
    """What the tiers of the sites shown mean, in their order; in English as the comparison says it."""
    shown, said = {site.tier for site in contents.sites}, contents.compared.summary.tiers
    own = speech.language != "en"
    meanings = {
        tier: speech.say(f"tier_{tier}_words") if own and speech.knows(f"tier_{tier}_words") else text
        for tier, text in said.items()
    }
    return [f"{speech.tier(tier).capitalize()}: {meanings[tier]}" for tier in said if tier in shown]


def _provenance(speech: Speech, contents: Contents) -> list[tuple[str, str]]:
    """Which files, versions and digests stand behind the report; names without the folders that they lay in."""
    record = contents.compared.record
    method = ", ".join(
        f"{name.replace('_', ' ')} {record.options[name]}"
        for name in ("method", "min_probability", "min_site")
        if name in record.options
    )
    version = record.versions.get("landuse", "")
    lines = [(speech.say("report_comparison"), f"landuse diff {version}, {record.created[:10]}, {method}")]
    lines.append((CHANGE, record.outputs.get(CHANGE, speech.say("report_no_digest"))))
    lines += [(origin.name, _made(speech, origin)) for origin in contents.origins]
    return [*lines, (speech.say("report_itself"), f"landuse {__version__}")]


def _made(speech: Speech, origin: MapOrigin) -> str:
    if origin.record is None:
        return speech.say("report_alien")
    model = speech.say("model", model=f"{origin.model} {origin.digest[:SHORT]}")
    imagery = f"; {speech.say('report_imagery', names=speech.listed(origin.imagery))}" if origin.imagery else ""
    version = origin.record.versions.get("landuse", "")
    made_by = model if origin.model else speech.say("report_no_model")
    return f"landuse classify {version}, {origin.record.created[:10]}, {made_by}{imagery}"


def gather(folder: Path, options: ReportOptions | None = None) -> Contents:
    """Read a folder of `diff` and draw its pictures."""
    options, compared = options or ReportOptions(), read_compared(folder)
    sample = None if options.assess is None else read_sample(options.assess, compared)
    districts = district_changes(compared, options.districts, options.district_name)
    maps = draw_maps(compared)
    names = (compared.summary.before, compared.summary.after)
    origins = [origin_of(path, name) for path, name in zip(compared.maps, names, strict=True)]
    return Contents(compared, maps, top_sites(compared, maps.place.crs), districts, origins, sample)
