"""What a county, a state and a country cost, by arithmetic: `python -m benchmarks.cost --rate CHIPS_PER_S_PER_CORE`.

The rate is the steady one that `landuse classify` reaches on one core, from `make bench` or from `classify --dry-run` on your
own survey. What else the figures rest on is printed below them; with `--map` the size of a map is that of a finished one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landuse.stages.forecast import OVERVIEWS, POLYGON_BYTES, TABLE_BYTES, size

SQUARE_MILE_KM2 = 2.589988110336
CORES = 64


@dataclass(frozen=True)
class Place:
    """A named area in square miles."""

    name: str
    square_miles: float


PLACES = (
    Place("a county (400 sq mi)", 400),
    Place("a state (Iowa, 56,273 sq mi)", 56_273),
    Place("the country (contiguous United States, 3,119,885 sq mi)", 3_119_885),
)


@dataclass(frozen=True)
class Assumptions:
    """What the arithmetic rests on.

    Attributes:
        rate: chips a second of one core, read, classified and kept as parts.
        chip_m: side of a chip in metres.
        pixel_m: side of a pixel of the imagery in metres.
        pixel_bytes: bytes a pixel of it takes on disk, all bands together.
        map_bytes: bytes a chip of the finished map takes.
        write_us: microseconds a chip takes on the driver, which finds the chips and writes the map on one core.
    """

    rate: float
    chip_m: float = 224.0
    pixel_m: float = 1.0
    pixel_bytes: float = 0.3
    map_bytes: float = 0.0
    write_us: float = 0.0


@dataclass(frozen=True)
class Cost:
    """Chips, core-hours, and bytes read and kept of one place."""

    place: Place
    chips: int
    core_hours: float
    read_bytes: float
    kept_bytes: float


def map_bytes(classes: int) -> float:
    """Bytes a chip of a finished map takes at most: rasters with overviews, polygons and the chip table, uncompressed."""
    return (1 + 4 * classes) * OVERVIEWS + POLYGON_BYTES + TABLE_BYTES + 4 * (classes + 1)


def measured_map_bytes(folder: Path) -> float:
    """Bytes a chip of a map that `classify` wrote."""
    from landuse.outputs.record import read_record

    return sum(file.stat().st_size for file in folder.rglob("*")) / float(read_record(folder).counts["chips"])


def cost(place: Place, given: Assumptions) -> Cost:
    """What one survey year of a place costs."""
    square_metres = place.square_miles * SQUARE_MILE_KM2 * 1e6
    chips = round(square_metres / given.chip_m**2)
    seconds = chips / given.rate + chips * given.write_us / 1e6
    pixels = square_metres / given.pixel_m**2
    return Cost(place, chips, seconds / 3600, pixels * given.pixel_bytes, chips * given.map_bytes)


def table(given: Assumptions, places: Sequence[Place] = PLACES) -> list[str]:
    """The costs as Markdown, with what they rest on."""
    lines = [
        f"| one survey year of | chips | core-hours | on {CORES} cores | imagery read | map kept |",
        "|---|---|---|---|---|---|",
    ]
    for place in places:
        found = cost(place, given)
        lines.append(
            f"| {place.name} | {found.chips:,} | {found.core_hours:,.3g} | {found.core_hours / CORES:,.3g} h "
            f"| {size(found.read_bytes)} | {size(found.kept_bytes)} |"
        )
    return [
        *lines,
        "",
        f"It rests on {given.rate:g} chips/s a core; chips of {given.chip_m:g} m that do not overlap; imagery of "
        f"{given.pixel_m:g} m that takes {given.pixel_bytes:g} bytes a pixel; {given.map_bytes:.0f} bytes a chip of the map; "
        f"{given.write_us:g} microseconds a chip on the driver. Cores are assumed to share the work evenly.",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, required=True, help="chips a second of one core")
    parser.add_argument("--chip-size", type=float, default=224.0, help="side of a chip in metres")
    parser.add_argument("--pixel", type=float, default=1.0, help="side of a pixel in metres")
    parser.add_argument("--pixel-bytes", type=float, default=0.3, help="bytes a pixel takes on disk")
    parser.add_argument("--classes", type=int, default=7, help="classes of the model")
    parser.add_argument("--map", type=Path, help="a finished map, to take its bytes a chip from")
    parser.add_argument(
        "--write-us", type=float, default=0.0, help="microseconds a chip on the driver (benchmarks.memory)"
    )
    given = parser.parse_args()
    kept = measured_map_bytes(given.map) if given.map else map_bytes(given.classes)
    assumed = Assumptions(given.rate, given.chip_size, given.pixel, given.pixel_bytes, kept, given.write_us)
    sys.stdout.write("\n".join(table(assumed)) + "\n")


if __name__ == "__main__":
    main()
