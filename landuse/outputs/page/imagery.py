"""A small orthophoto of each survey to lie under its land use, where its rasters can still be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A picture in Web Mercator.

    Attributes:
        label: what the layer is called.
        year: its place among the years of the page.
        bounds: [[south, west], [north, east]] in degrees.
        uri: a data address.
    """

    label: str
    year: int
    bounds: list[list[float]]
    uri: str
