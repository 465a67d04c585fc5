"""What is to be said of a survey before it is read: its bands, what is left out of it, and where its sources meet. Pure.

`landuse tile`, `landuse classify` and `landuse doctor` say the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import shapely
from pyproj import CRS

from landuse.mosaic.source import Source, same_crs
from landuse.mosaic.survey import Survey
from landuse.text import counted, year_in

HOW = {
    "asked": "as asked for",
    "colours": "by their declared colours",
    "names": "by their names",
    "place": "by their place, as nothing declares their colours",
}
RGB = 3
LARGE_OVERLAP = 0.5
"""Share of the smaller of two sources from which their overlap is worth a word: sheets of one survey overlap by a tenth."""
MOST_NAMED = 3
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True)
class Remark:
    """One sentence about a survey.

    Attributes:
        mend: what to do about it; empty where nothing need be done.
        wrong: whether the map would be wrong unless that is done.
    """

    about: str
    text: str
    mend: str = ""
    wrong: bool = False

    def __str__(self) -> str:
        return f"{self.text[:-1]}; {self.mend}" if self.mend else self.text


def remarks(survey: Survey, crs: CRS) -> list[Remark]:
    """All that is to be said of a survey whose lattice lies in `crs`."""
    return [
        *_bands(survey),
        *_odd_alpha(survey),
        *_palettes(survey),
        *_collars(survey),
        *_lattice(survey, crs),
        *_overlaps(survey, crs),
    ]


def _bands(survey: Survey) -> Iterator[Remark]:
    """Which bands are read as what; sources that are alike in one sentence."""
    alike: dict[tuple[object, ...], list[Source]] = defaultdict(list)
    for source in survey.sources:
        numbers = tuple((band.band, band.part) for band in source.bands)
        alike[numbers, source.order, len(source.paths) > 1].append(source)
    what = "Red, green and blue are" if len(survey.bands) == RGB else "The bands read are"
    for sources in alike.values():
        first = sources[0]
        if len(first.paths) > 1:
            which = ", ".join(PurePosixPath(band.path).name for band in first.bands)
            more = f", and so on in {counted(len(sources) - 1, 'more scene')}" if len(sources) > 1 else ""
        else:
            which = (
                "the colours of the palette"
                if first.palette
                else f"bands {', '.join(str(b.band) for b in first.bands)}"
            )
            more = f" of {_named(sources)}"
        mend = "give --bands R,G,B if they are others." if first.order == "place" else ""
        yield Remark("bands", f"{what} {which}{more}, {HOW[first.order]}.", mend)


def _odd_alpha(survey: Survey) -> Iterator[Remark]:
    found = [source for source in survey.sources if source.odd_alpha]
    if found:
        tagged = f"{_named(found)} {_says(found, 'tags')} as alpha"
        yield Remark("alpha", f"The band that {tagged} holds imagery (infrared, as a rule), so it hides nothing.")


def _palettes(survey: Survey) -> Iterator[Remark]:
    found = [source for source in survey.sources if source.palette]
    if found:
        text = f"{_named(found)} {_says(found, 'holds')} numbers of a palette's colours, which are expanded."
        yield Remark("palette", text, "a map of classes is no imagery: leave it out if it is one.")


def _collars(survey: Survey) -> Iterator[Remark]:
    alike: dict[tuple[float, bool], list[Source]] = defaultdict(list)
    for source in survey.sources:
        if source.collar is not None:
            alike[source.collar.value, any(value is not None for value in source.nodata)].append(source)
    for (value, declared), sources in alike.items():
        yield _blurred(value, sources) if declared else _collar(value, sources)


def _collar(value: float, sources: Sequence[Source]) -> Remark:
    collars = [source.collar for source in sources if source.collar is not None]
    nearly = " or nearly" if collars[0].tolerance else ""
    share = f"{'up to ' if len(collars) > 1 else ''}{max(collar.share for collar in collars):.1%} of it"
    text = f"The collar of {value:g}{nearly} around {_named(sources)} ({share}) counts as no data, though none is declared."
    return Remark("collar", text, "give --collar keep if it is imagery.")


def _blurred(value: float, sources: Sequence[Source]) -> Remark:
    text = f"The nodata value {value:g} of {_named(sources)} is blurred by compression, so what is nearly {value:g} beside it"
    return Remark("lossy nodata", f"{text} is empty too.")


def _lattice(survey: Survey, crs: CRS) -> Iterator[Remark]:
    other = [source for source in survey.sources if not same_crs(source.crs, crs)]
    if not other:
        return
    names = sorted({source.crs.name for source in other})
    text = f"{_named(other)} {_says(other, 'lies')} in {' and '.join(names[:MOST_NAMED])}, and chips in {crs.name}."
    yield Remark("lattice", text, "give other years this lattice by --like FOLDER, so that they can be compared.")


def _overlaps(survey: Survey, crs: CRS) -> Iterator[Remark]:
    pairs = overlaps(survey, crs)
    for area, first, second in pairs[:MOST_NAMED]:
        one, other = survey.sources[first], survey.sources[second]
        dates = [f"{source.name} is of {date}" for source in (one, other) if (date := date_of(source))]
        told = f" ({', '.join(dates)})" if dates else ""
        text = f"{one.name} and {other.name} cover the same {area:,.0f} ha{told}; {one.name} is used."
        yield Remark("overlap", text, "leave one of them out if they are of two years.", wrong=_two_years(one, other))
    if len(pairs) > MOST_NAMED:
        more = counted(len(pairs) - MOST_NAMED, "more pair")
        yield Remark("overlap", f"{more} of sources cover the same ground; the first of each is used.")


def overlaps(survey: Survey, crs: CRS) -> list[tuple[float, int, int]]:
    """Pairs of sources that share half of the smaller one's ground: hectares and positions, the largest first."""
    footprints = np.array(survey.footprints(crs), dtype=object)
    one, other = shapely.STRtree(footprints).query(footprints, predicate="intersects")
    pairs = one < other
    one, other = one[pairs], other[pairs]
    shared = shapely.area(shapely.intersection(footprints[one], footprints[other]))
    smaller = np.minimum(shapely.area(footprints[one]), shapely.area(footprints[other]))
    large = np.flatnonzero(shared >= LARGE_OVERLAP * smaller)
    unit = float(crs.axis_info[0].unit_conversion_factor)
    found = [(float(shared[i]) * unit**2 / 1e4, int(one[i]), int(other[i])) for i in large]
    return sorted(found, key=lambda pair: (-pair[0], pair[1:]))


def date_of(source: Source) -> str:
    """When a source was taken, by its name, else by its tags: a date, or a year; empty where nothing tells."""
    if found := _DATE.findall(source.name):
        return "-".join(found[-1])
    year = year_in(source.name)
    return str(year) if year else source.date


def _two_years(one: Source, other: Source) -> bool:
    years = {date_of(source)[:4] for source in (one, other)}
    return len(years - {""}) > 1


def _named(sources: Sequence[Source]) -> str:
    first = sources[0].name
    return first if len(sources) == 1 else f"{first} and {counted(len(sources) - 1, 'other')}"


def _says(sources: Sequence[Source], verb: str) -> str:
    return verb if len(sources) == 1 else {"lies": "lie", "holds": "hold", "tags": "tag"}[verb]
