"""The flights of a survey: sources of one date, a sample of their pixels, and the curves that bring each to one colour."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.errors import BandsError, DamagedSourceError
from landuse.mosaic import colour
from landuse.mosaic.colour import apply_curves, curves_to, distance, relative_range, without_clouds
from landuse.mosaic.files import OpenFiles, Window, read_raw
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.source import Source
from landuse.mosaic.stretch import evenly, spread, to_uint8
from landuse.mosaic.survey import Recolouring, Survey
from landuse.palette import Palette

MOST_FILES = 64
MOST_PIXELS = 20_000
SIDE = 128
"""Most pixels along each side of what is sampled of a source that has overviews."""
EVERY = 2
"""One of so many lines and columns is sampled of the windows of a source that has none."""
_DATE = re.compile(r"(?<!\d)(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)")

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Flight:
    """Sources of one date.

    Attributes:
        date: YYYYMMDD as the files' names have it; empty where they have none.
        pixels: uint8 (n, B), a sample without nodata and clouds.
    """

    date: str
    sources: tuple[int, ...]
    pixels: Pixels


@dataclass(frozen=True)
class Matched:
    """What came of matching a survey's colours to a reference.

    Attributes:
        recolouring: the curves; None where nothing could be matched.
        before: mean distance of the survey's quantiles from the reference's, grey levels.
        after: the same once each flight went through its curve.
        range: range of the survey's colours as a share of the reference's.
    """

    recolouring: Recolouring | None
    before: float
    after: float
    range: float
    dates: tuple[str, ...]


def flights_of(survey: Survey) -> list[Flight]:
    """The flights of a survey, each with its sample; the same at every call.

    Sources whose names hold a date (YYYYMMDD; the last where there are several) go by it, all others together. Sources that
    cannot be read are passed over: reading chips will name them.
    """
    dated: dict[str, list[int]] = {}
    for index, source in enumerate(survey.sources):
        found = _DATE.findall(source.name)
        dated.setdefault(found[-1] if found else "", []).append(index)
    with gdal_env(), OpenFiles(max_open=4) as files:
        return [Flight(date, tuple(at), _sample(files, survey, at)) for date, at in sorted(dated.items())]


def palette_of(survey: Survey) -> Palette | None:
    """The palette of a whole survey; None where there is too little imagery."""
    return colour.palette_of(thinned([flight.pixels for flight in flights_of(survey)]))


def match(survey: Survey, reference: Palette) -> Matched:
    """Curves that bring each flight of a survey to the colours of a reference.

    A flight of too few pixels takes the curve of the whole survey.

    Raises:
        BandsError: the reference has another number of bands.
    """
    if reference.bands != len(survey.bands):
        raise BandsError(
            f"The colours of the model are of {reference.bands} bands, and the survey gives {len(survey.bands)}; choose "
            "them with --bands."
        )
    flights = flights_of(survey)
    everything = thinned([flight.pixels for flight in flights])
    whole = curves_to(everything, reference)
    if whole is None:
        return Matched(None, 0.0, 0.0, 0.0, ())
    found = [curves_to(flight.pixels, reference) for flight in flights]
    curves = [whole if own is None else own for own in found]
    turned = [apply_curves(flight.pixels, own) for flight, own in zip(flights, curves, strict=True)]
    flight_of = np.zeros(len(survey.sources), np.int64)
    for number, flight in enumerate(flights):
        flight_of[list(flight.sources)] = number
    recolouring = Recolouring(tuple(own.tobytes() for own in curves), tuple(flight_of.tolist()))
    dates = tuple(flight.date for flight in flights)
    apart = distance(everything, reference), distance(thinned(turned), reference)
    return Matched(recolouring, *apart, relative_range(everything, reference), dates)


def thinned(samples: Sequence[Pixels]) -> Pixels:
    """Samples as one, of at most `MOST_PIXELS` pixels, evenly."""
    joined = np.concatenate(samples)
    return joined[:: max(1, -(-len(joined) // MOST_PIXELS))]


def _sample(files: OpenFiles, survey: Survey, positions: Sequence[int]) -> Pixels:
    samples = [np.empty((0, len(survey.bands)), np.uint8)]
    for source in (survey.sources[positions[at]] for at in evenly(len(positions), MOST_FILES)):
        samples.extend(_looks(files, source, survey.stretch_of(source)))
    return thinned(samples)


def _looks(files: OpenFiles, source: Source, stretch: tuple[float, float] | None) -> Iterator[Pixels]:
    """Pixels uint8 (n, B) of a source, from an overview or from windows spread over it."""
    for window, level, shape in _windows(files, source):
        out = np.empty((*shape, len(source.bands)), dtype=source.dtype)
        try:
            data, valid = read_raw(files, source, window, level=level, out=out)
        except DamagedSourceError:
            continue
        pixels = to_uint8(data.reshape(-1, data.shape[-1]) if valid is None else data[valid], stretch)
        yield pixels[without_clouds(pixels)]


def _windows(files: OpenFiles, source: Source) -> Iterator[tuple[Window, int | None, tuple[int, int]]]:
    if len(source.overviews) == 0 or len(source.paths) > 1:
        for window in spread(source.width, source.height):
            yield window, None, (-(-window.height // EVERY), -(-window.width // EVERY))
        return
    enough = [at for at, times in enumerate(source.overviews) if max(source.width, source.height) / times >= SIDE]
    level = enough[-1] if enough else 0
    dataset = files.dataset(source.paths[0], level)
    window = Window(0, 0, dataset.width, dataset.height)
    yield window, level, (min(SIDE, dataset.height), min(SIDE, dataset.width))
