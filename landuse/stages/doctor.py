"""`doctor SOURCE...`: whether a survey, or two, can become a right map, found before anything is computed."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from landuse.engine.checkup import NOTE, OK, STOP, Finding
from landuse.engine.progress import busy, untold
from landuse.errors import LanduseError
from landuse.grid import ChipGrid
from landuse.mosaic import Survey, colour
from landuse.mosaic.addresses import expand
from landuse.mosaic.colour import distance
from landuse.mosaic.condition import damage, is_class_map, lacks_overviews, seams
from landuse.mosaic.flights import flights_of, palette_of, thinned
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.headers import read_header
from landuse.mosaic.remarks import remarks
from landuse.mosaic.source import Source, metric_scale, same_crs
from landuse.options.survey import ClassifyOptions, SurveyOptions
from landuse.stages.forecast import Forecast, forecast
from landuse.stages.survey import absolute, lattice_of, opened, own_crs
from landuse.text import counted

READERS = 4
COARSE = 8.0
"""Metres of a source's pixel from which a model that learnt at 1 m sees another world."""
ALIKE_PIXELS = 1.5
"""Ratio of two surveys' pixels from which they do not show the same detail."""
DRIFT = 12.0
"""Mean distance in grey levels from which the colours of two surveys differ more than seasons of one camera do."""


@dataclass(frozen=True)
class Examined:
    """A survey that opens, its lattice, and what was found of it."""

    survey: Survey
    grid: ChipGrid
    findings: tuple[Finding, ...]


def examine(sources: Sequence[str | Path], others: Sequence[str | Path], options: SurveyOptions) -> list[Finding]:
    """What would make a map of `sources` wrong, slow or large, and a comparison with `others` where there are any.

    Returns:
        Findings in the order to show them; those that stop would give a wrong map, or none.
    """
    first, found = _examined(sources, options)
    if first is not None:
        found += list(_costs(first, sources, options))
    if not others:
        return found
    second, more = _examined(others, options)
    found += [Finding(f.grade, f"{f.what} (other)", f.has, f.mend) for f in more]
    if first is not None and second is not None:
        found += list(_pair(first, second))
    return found


def _examined(sources: Sequence[str | Path], options: SurveyOptions) -> tuple[Examined | None, list[Finding]]:
    """A survey of the files that open, and what is to be said of it; None where it cannot be read at all."""
    found: list[Finding] = []
    try:
        paths = expand([absolute(address) for address in sources])
        good = []
        for path, fault in zip(paths, _faults(paths), strict=True):
            if fault:
                found.append(Finding(STOP, "file", fault, "leave the file out, or mend it."))
            else:
                good.append(path)
        if not good:
            return None, found
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            survey = opened(good, options)
            grid = lattice_of(survey, options)
            told = [*_survey(survey, grid)]
        found += [
            Finding(NOTE, "lattice", str(warning.message)) for warning in said if "chips lie in" in str(warning.message)
        ]
    except LanduseError as error:
        return None, [*found, Finding(STOP, "survey", str(error))]
    return Examined(survey, grid, tuple(found)), [*found, *told]


def _faults(paths: Sequence[str]) -> list[str]:
    """What is wrong with the header of each file; empty where nothing is."""

    def fault(path: str) -> str:
        """Of one file; each thread has GDAL settings of its own."""
        try:
            with gdal_env():
                read_header(path)
        except LanduseError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(fault, paths))


def _survey(survey: Survey, grid: ChipGrid) -> Iterator[Finding]:
    yield Finding(
        OK, "sources", f"{counted(len(survey.sources), 'source')} in {survey.crs.name}; lattice in {grid.crs.name}"
    )
    for remark in remarks(survey, grid.crs):
        grade = STOP if remark.wrong else NOTE if remark.mend else OK
        yield Finding(grade, remark.about, remark.text, remark.mend)
    yield from _files(survey)
    yield from _pixels(survey, grid)
    yield from _seams(survey, grid)


def _seams(survey: Survey, grid: ChipGrid) -> Iterator[Finding]:
    """Flights of one survey, by the dates in their files' names, whose colours differ, else sources that do where they meet."""
    flights = [flight for flight in flights_of(survey) if flight.date]
    palette = colour.palette_of(flights[0].pixels) if len(flights) > 1 else None
    apart = {flight.date: distance(flight.pixels, palette) for flight in flights[1:] if palette and len(flight.pixels)}
    date, far = max(apart.items(), key=lambda item: item[1], default=("", 0.0))
    if far > DRIFT:
        text = f"flights of {flights[0].date} and {date} differ by {far:.0f} of 255 grey levels in the mean"
        yield Finding(NOTE, "seams", text, "classify --normalise quantile brings each flight to one colour.")
        return
    for seam in seams(survey, grid)[:1]:
        if seam.levels > DRIFT:
            one, other = survey.sources[seam.one].name, survey.sources[seam.other].name
            text = f"{one} and {other} differ by {seam.levels:.0f} of 255 grey levels where they meet"
            mend = "name files by their flights' dates (..._20160620.tif) and give classify --normalise quantile."
            yield Finding(NOTE, "seams", text, mend)


def _files(survey: Survey) -> Iterator[Finding]:
    """Files that are cut short, maps of classes among imagery, and files without overviews."""

    def look(source: Source) -> Finding | None:
        """At one source; each thread has GDAL settings of its own."""
        with gdal_env():
            if fault := damage(source):
                return Finding(STOP, "damage", fault, "chips there would be quarantined.")
            if is_class_map(source):
                text = f"{source.name} has so few colours that it must be a map of classes"
                return Finding(STOP, "classes", text, "give imagery here, and such a map as --labels.")
        return None

    with ThreadPoolExecutor(READERS) as pool:
        yield from filter(None, pool.map(look, survey.sources))
    slow = [source.name for source in survey.sources if lacks_overviews(source)]
    if slow:
        names = slow[0] if len(slow) == 1 else f"{slow[0]} and {counted(len(slow) - 1, 'other')}"
        yield Finding(
            NOTE, "overviews", f"{names}: large, and without overviews", "gdaladdo -r average FILE makes them."
        )


def _pixels(survey: Survey, grid: ChipGrid) -> Iterator[Finding]:
    sizes = pixel_sizes(survey, grid)
    low, high = float(sizes.min()), float(sizes.max())
    has = f"{low:.2g} m" if high < 1.01 * low else f"{low:.2g} to {high:.2g} m"
    if high >= COARSE:
        yield Finding(
            NOTE, "pixels", has, "models of 1 m imagery do not fit: train one on such imagery, with larger chips."
        )
    else:
        yield Finding(OK, "pixels", has)
    if survey.stretch is not None:
        text = f"{survey.stretch[0]:g} to {survey.stretch[1]:g} of {survey.sources[0].dtype} become 0 to 255"
        yield Finding(NOTE, "values", text, f"give all years --stretch {survey.stretch[0]:g} {survey.stretch[1]:g}.")


def pixel_sizes(survey: Survey, grid: ChipGrid) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Side of each source's pixels on the ground, metres, (n,)."""
    pixel = grid.chip_m / grid.chip_px
    return np.array([pixel / metric_scale(source, grid.crs, grid.pixel) for source in survey.sources])


def _costs(examined: Examined, sources: Sequence[str | Path], options: SurveyOptions) -> Iterator[Finding]:
    """Chips, time, memory and disk as `classify --dry-run` tells them, and the size of the page."""
    chosen = ClassifyOptions(**{name: getattr(options, name) for name in SurveyOptions.model_fields})
    try:
        with busy("measuring what a map costs"), tempfile.TemporaryDirectory(prefix="landuse-") as folder:
            expected = _forecast(sources, Path(folder) / "map", chosen)
    except LanduseError as error:
        yield Finding(STOP, "chips", str(error))
        return
    for line in expected.lines():
        what, _, has = line.partition(" ")
        yield Finding(OK, what, has.strip())
    yield Finding(OK, "page", f"about {page_megabytes(expected.work.chips):,.1f} MB of HTML for each year")


def _forecast(sources: Sequence[str | Path], out: Path, options: ClassifyOptions) -> Forecast:
    """The forecast without what it says of the survey, which stands among the findings."""
    with untold(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return forecast(sources, out, options)


PAGE_BYTES = 663_000
"""Bytes of a page's scripts and of the picture of one year's imagery, as measured on the sample's page."""
PAGE_BYTES_A_CHIP = 15
"""Bytes of a page for each chip: the corners of outlines, measured there too (154 areas of 895 chips)."""


def page_megabytes(chips: int) -> float:
    """Size of a page of one year."""
    return math.ceil((PAGE_BYTES + PAGE_BYTES_A_CHIP * chips) / 1e5) / 10


def _pair(first: Examined, second: Examined) -> Iterator[Finding]:
    yield from _lattices(first, second)
    yield from _common_ground(first, second)
    ratio = float(np.median(pixel_sizes(first.survey, first.grid)) / np.median(pixel_sizes(second.survey, second.grid)))
    if max(ratio, 1 / ratio) > ALIKE_PIXELS:
        text = f"one survey's pixels are {max(ratio, 1 / ratio):.1f} times the other's"
        yield Finding(NOTE, "detail", text, "what looks like change may be detail: check it on the imagery.")
    palette = palette_of(first.survey)
    if palette is None or palette.bands != len(second.survey.bands):
        return
    apart = distance(thinned([flight.pixels for flight in flights_of(second.survey)]), palette)
    text = f"colours differ by {apart:.0f} of 255 grey levels in the mean"
    if apart > DRIFT:
        mend = "leave classify at --normalise auto, which brings both years to what the model learnt from."
        yield Finding(NOTE, "colours", text, mend)
    else:
        yield Finding(OK, "colours", text)


def _lattices(first: Examined, second: Examined) -> Iterator[Finding]:
    if first.grid.same_lattice(second.grid):
        yield Finding(OK, "same lattice", first.grid.crs.name)
    else:
        text = f"{first.grid.crs.name} against {second.grid.crs.name}: chips of the two would not be the same places"
        yield Finding(STOP, "same lattice", text, "give the later year --like FOLDER of the earlier one's result.")
    if not same_crs(own_crs(first.survey), own_crs(second.survey)) and first.grid.same_lattice(second.grid):
        yield Finding(NOTE, "CRS", f"{first.survey.crs.name} against {second.survey.crs.name}: one is resampled")


def _common_ground(first: Examined, second: Examined) -> Iterator[Finding]:
    here = shapely.union_all(first.survey.footprints(first.grid.crs))
    there = shapely.union_all(second.survey.footprints(first.grid.crs))
    share = shapely.area(shapely.intersection(here, there)) / max(shapely.area(here), 1e-9)
    if share == 0:
        yield Finding(STOP, "common ground", "none", "the surveys lie apart, or one of them in a wrong CRS.")
    else:
        yield Finding(OK, "common ground", f"{share:.0%} of the first survey")
