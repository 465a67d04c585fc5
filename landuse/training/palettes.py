"""The colours of what a head is trained on, for surveys that come later."""

from __future__ import annotations

from landuse.mosaic.colour import palette_of
from landuse.mosaic.flights import flights_of, thinned
from landuse.palette import Palette
from landuse.training.pictures import ChipPictures, Pictures


def training_palette(pictures: Pictures | None) -> Palette | None:
    """The palette of the surveys that samples are chips of; None for single images, which no survey has.

    Chips of several surveys have one palette, of all of them.
    """
    if not isinstance(pictures, ChipPictures):
        return None
    return palette_of(thinned([flight.pixels for survey, _ in pictures.surveys for flight in flights_of(survey)]))
