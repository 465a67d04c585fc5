"""Gathers what a report says, from a folder of `diff` and what it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landuse.reporting.by_district import district_changes
from landuse.reporting.card import origin_of
from landuse.reporting.compared import read_compared
from landuse.reporting.map_pictures import draw_maps
from landuse.reporting.page import Contents
from landuse.reporting.sample import read_sample
from landuse.reporting.top_sites import top_sites


@dataclass(frozen=True)
class Beside:
    """What a report takes beside the comparison.

    Attributes:
        sample: a folder of `assess estimate`.
        districts: polygons.
        district_name: their column of names.
    """

    sample: Path | None = None
    districts: Path | None = None
    district_name: str | None = None


def gather(folder: Path, beside: Beside = Beside()) -> Contents:  # frozen
    """Read a folder of `diff` and draw its pictures.

    Raises:
        LanduseError: in one of its kinds: the folder is none or is damaged, or what stands beside it cannot serve.
    """
    compared = read_compared(folder)
    sample = None if beside.sample is None else read_sample(beside.sample, compared)
    districts = district_changes(compared, beside.districts, beside.district_name)
    maps = draw_maps(compared)
    names = (compared.summary.before, compared.summary.after)
    origins = [origin_of(path, name) for path, name in zip(compared.maps, names, strict=True)]
    return Contents(compared, maps, top_sites(compared, maps.place.crs), districts, origins, sample)
