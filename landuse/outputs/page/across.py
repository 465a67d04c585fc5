"""A page of ground on both sides of 180 degrees: longitudes go on beyond it, so that the page opens on the place."""

from __future__ import annotations

from dataclasses import replace

from landuse.outputs.page.folders import Place, Ring, bounds_of
from landuse.outputs.page.imagery import Picture
from landuse.outputs.page.payload import PageData

TURN = 360.0


def side_by_side(data: PageData) -> PageData:
    """The page's data, with what lies west of the antimeridian's far side moved by a whole turn where both are shown."""
    places = [place for year in data.years for place in year.places]
    places += [site for change in data.changes for site in change.sites]
    bounds = bounds_of(places)
    if bounds is None or bounds[1][1] - bounds[0][1] <= TURN / 2:
        return data
    years = (replace(year, places=tuple(map(_moved, year.places))) for year in data.years)
    changes = (replace(change, sites=tuple(map(_moved, change.sites))) for change in data.changes)
    pictures = tuple(map(_moved_picture, data.pictures))
    return replace(data, years=tuple(years), changes=tuple(changes), pictures=pictures)


def _moved(place: Place) -> Place:
    return replace(place, polygons=[[_moved_ring(ring) for ring in rings] for rings in place.polygons])


def _moved_ring(ring: Ring) -> Ring:
    """A ring, which lies on one side: RFC 7946 has polygons cut at the antimeridian."""
    east = sum(point[0] for point in ring) >= 0
    return ring if east else [[point[0] + TURN, *point[1:]] for point in ring]


def _moved_picture(picture: Picture) -> Picture:
    (south, west), (north, east) = picture.bounds
    if west >= 0:
        return picture
    return replace(picture, bounds=[[south, west + TURN], [north, east + TURN]])
