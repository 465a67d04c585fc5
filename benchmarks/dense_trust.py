"""How far maps of cells can be trusted: `python -m benchmarks.dense_trust DEMO`, where DEMO is what `landuse demo` wrote.

Classifies the chips of both years of a demo on cells of 32 m, with its model as it is and without what the model knows of how
features of a dense grid differ from those of chips, and compares with the map of chips and with the truth.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.table import markdown
from landuse.labels import LabelRequest, label_cells
from landuse.legend import load_legend
from landuse.models.bundle import read_bundle, write_bundle
from landuse.options.survey import ClassifyOptions
from landuse.outputs.land_use_map import LandUseMap
from landuse.stages.classify import classify
from landuse.stages.demo import LEGEND, MODEL, YEARS

CELL, SPLIT = 32, 7
TRUTH = Path(__file__).parents[1] / "sample_data" / "truth"
HEADER = ("year", "map", "middle cell as chip", "commonest cell as chip", "chips right", "cells right")
Codes = npt.NDArray[np.uint8]


def truth_of(land: LandUseMap, year: str) -> Codes:
    """The true class of each chip or cell of a map, uint8 (n,); 0 where there is none."""
    request = LabelRequest(TRUTH / f"{year}.tif", load_legend(LEGEND).as_mapped(), "majority")
    return np.asarray(label_cells(land.chips.grid, land.chips.rows, land.chips.cols, request).codes)


def by_chip(cells: LandUseMap, chips: LandUseMap) -> Codes:
    """The codes of the cells of each chip, uint8 (chips, 49), 0 where there is no answer; the middle one is in the middle."""
    low = chips.extent.row0 * SPLIT, chips.extent.col0 * SPLIT
    image = np.zeros([side * SPLIT for side in chips.extent.shape], np.uint8)
    image[cells.chips.rows - low[0], cells.chips.cols - low[1]] = cells.codes
    rows, cols = chips.extent.shape
    cut = image.reshape(rows, SPLIT, cols, SPLIT).swapaxes(1, 2).reshape(rows, cols, -1)
    return np.asarray(cut[chips.chips.rows - chips.extent.row0, chips.chips.cols - chips.extent.col0])


def commonest(codes: Codes) -> Codes:
    """The commonest code of each row."""
    counts = (codes[:, :, None] == np.arange(codes.max() + 1)).sum(axis=1)
    return np.asarray(counts.argmax(axis=1), np.uint8)


def shares(land: LandUseMap, codes: Codes) -> list[str]:
    """Per cent of each class of a map's legend."""
    return [f"{(codes[codes > 0] == code).mean():.1%}" for code in land.legend.codes]


def right(codes: Codes, truth: Codes) -> str:
    """Share of what has a true class that has it."""
    return f"{(codes == truth)[truth > 0].mean():.1%}"


def compare(demo: Path, folder: Path) -> list[list[str]]:
    """A line for each year and map."""
    bundle = read_bundle(demo / MODEL)
    models = {
        "cells, not aligned": write_bundle(replace(bundle, alignment=None), folder / "plain"),
        "cells, aligned": demo / MODEL,
    }
    lines = []
    for year in YEARS:
        chips = LandUseMap(demo / f"landuse_{year}")
        truth = truth_of(chips, year)
        lines.append([year, "chips", "", "", right(chips.codes, truth), "", *shares(chips, chips.codes)])
        for name, model in models.items():
            options = ClassifyOptions(model=str(model), cell=CELL, fresh=True)
            land, _ = classify([demo / f"chips_{year}"], folder / "map", options)
            cells, ground = by_chip(land, chips), truth_of(land, year)
            most = commonest(cells)
            same = [f"{(some == chips.codes).mean():.1%}" for some in (cells[:, cells.shape[1] // 2], most)]
            lines.append([year, name, *same, right(most, truth), right(land.codes, ground), *shares(land, land.codes)])
        lines.append([year, "truth", "", "", "", "", *shares(land, ground)])
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(markdown([*HEADER, *load_legend(LEGEND).names], compare(given.demo, Path(scratch))))


if __name__ == "__main__":
    main()
