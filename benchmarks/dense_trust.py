"""How far maps of cells can be trusted: `python -m benchmarks.dense_trust DEMO`, where DEMO is what `landuse demo` wrote.

Classifies the chips of both years of a demo on cells of 32 m, and compares with the map of chips and with the truth. With
`--survey FILES` (and `--model`, `--chip-size`, `--crs`) the same of any survey, without truth, and beside the cells in the
middle of chips others too: each against a chip that is cut around it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.table import markdown
from landuse.chips import ChipSet
from landuse.engine.progress import Progress
from landuse.grid import CellRange
from landuse.labels import LabelRequest, label_cells
from landuse.legend import Legend, load_legend
from landuse.models.bundle import find_bundle
from landuse.models.runtime import open_runtime, read_cached
from landuse.mosaic import MosaicReader
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.outputs.land_use_map import LandUseMap
from landuse.scoring import ScoreSettings, score_chips
from landuse.stages.classify import classify
from landuse.stages.demo import LEGEND, MODEL, YEARS
from landuse.stages.survey import survey_chips

CELL, SPLIT, CUT = 32, 7, 300
TRUTH = Path(__file__).parents[1] / "sample_data" / "truth"
HEADER = ("year", "map", "middle cell as chip", "commonest cell as chip", "chips right", "cells right")
SURVEY_HEADER = ("map", "middle cell as chip", "cell as a chip cut around it")
Codes = npt.NDArray[np.uint8]


def truth_of(land: LandUseMap, year: str) -> Codes:
    """The true class of each chip or cell of a map, uint8 (n,); 0 where there is none."""
    request = LabelRequest(TRUTH / f"{year}.tif", load_legend(LEGEND).as_mapped(), "majority")
    return np.asarray(label_cells(land.chips.grid, land.chips.rows, land.chips.cols, request).codes)


def by_chip(cells: ChipSet, codes: Codes, chips: ChipSet) -> Codes:
    """The codes of the cells of each chip, uint8 (chips, 49), 0 where there is no answer; the middle one is in the middle."""
    steps = np.arange(SPLIT)
    rows, cols = (at[:, None, None] * SPLIT + step for at, step in ((chips.rows, steps[:, None]), (chips.cols, steps)))
    wanted, known = (numbers(*np.broadcast_arrays(rows, cols)).reshape(len(chips), -1), numbers(cells.rows, cells.cols))
    order = np.argsort(known)
    found = order[np.searchsorted(known, wanted, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[found] == wanted, codes[found], 0).astype(np.uint8)


def numbers(rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A number for each place of a lattice."""
    return rows * 2**32 + cols


def commonest(codes: Codes) -> Codes:
    """The commonest code of each row."""
    counts = (codes[:, :, None] == np.arange(codes.max() + 1)).sum(axis=1)
    return np.asarray(counts.argmax(axis=1), np.uint8)


def shares(legend: Legend, codes: Codes) -> list[str]:
    """Per cent of each class of a legend."""
    return [share(codes[codes > 0] == code) for code in legend.codes]


def share(same: npt.NDArray[np.bool_]) -> str:
    """Per cent of what is so."""
    return f"{same.mean():.1%}"


def right(codes: Codes, truth: Codes) -> str:
    """Share of what has a true class that has it."""
    return share((codes == truth)[truth > 0])


def compare(demo: Path, folder: Path) -> list[list[str]]:
    """A line for each year and map."""
    lines = []
    for year in YEARS:
        chips = LandUseMap(demo / f"landuse_{year}")
        truth = truth_of(chips, year)
        lines.append([year, "chips", "", "", right(chips.codes, truth), "", *shares(chips.legend, chips.codes)])
        options = ClassifyOptions(model=str(demo / MODEL), cell=CELL, fresh=True)
        land, _ = classify([demo / f"chips_{year}"], folder / "map", options)
        cells, ground = by_chip(land.chips, land.codes, chips.chips), truth_of(land, year)
        most = commonest(cells)
        same = [share(some == chips.codes) for some in (cells[:, SPLIT**2 // 2], most)]
        lines.append(
            [year, "cells", *same, right(most, truth), right(land.codes, ground), *shares(land.legend, land.codes)]
        )
        lines.append([year, "truth", "", "", "", "", *shares(land.legend, ground)])
    return lines


def survey_lines(survey: Sequence[str], lattice: TileOptions, model: Path, folder: Path) -> list[list[str]]:
    """The chips of a survey and its cells, a line each."""
    legend = read_cached(model).legend
    fine = lattice.model_copy(update={"chip_m": lattice.chip_m / SPLIT, "chip_px": CELL})
    chips, cells = survey_chips(survey, lattice), survey_chips(survey, fine)
    whole, parts = codes_of(chips, model, 1, folder), codes_of(cells, model, SPLIT, folder)
    middle = by_chip(cells, parts, chips)[:, SPLIT**2 // 2]
    places = whole_around(cells)
    told = [share(middle == whole), share(parts[places] == cut_around(cells.take(places), model))]
    return [["chips", "", "", *shares(legend, whole)], ["cells", *told, *shares(legend, parts)]]


def codes_of(chips: ChipSet, model: Path, split: int, folder: Path) -> Codes:
    """The code of each chip, or of each cell of which `split` make a chip; uint8 (n,)."""
    with Progress(len(chips), "chips") as progress:
        found = score_chips(chips, ScoreSettings(model, precision="f32", split=split), folder, progress)
    return np.asarray(np.array(read_cached(model).legend.codes, np.uint8)[found.probabilities.argmax(axis=1)])


def whole_around(cells: ChipSet) -> npt.NDArray[np.intp]:
    """Some cells off the middle of their chip, with imagery all around."""
    half, steps = SPLIT // 2, np.arange(SPLIT) - SPLIT // 2
    whole = numbers(cells.rows, cells.cols)[cells.valid > 1 - 1e-3]
    around = numbers(cells.rows, cells.cols)[:, None] + numbers(*np.meshgrid(steps, steps)).ravel()
    off = (cells.rows % SPLIT != half) | (cells.cols % SPLIT != half)
    places = np.flatnonzero(off & np.isin(around, whole).all(axis=1))
    return np.sort(np.random.default_rng(0).permutation(places)[:CUT])


def cut_around(cells: ChipSet, model: Path) -> Codes:
    """The code that a chip cut around each cell gets, uint8 (n,)."""
    with MosaicReader(cells.survey, cells.grid) as reader:
        images = np.stack(
            [cut(reader, row, col) for row, col in zip(cells.rows.tolist(), cells.cols.tolist(), strict=True)]
        )
    answers = open_runtime(model, precision="f32").predict(images).probabilities
    return np.asarray(np.array(read_cached(model).legend.codes, np.uint8)[answers.argmax(axis=1)])


def cut(reader: MosaicReader, row: int, col: int) -> npt.NDArray[np.uint8]:
    """The chip around a cell, uint8 (px, px, bands)."""
    half = SPLIT // 2
    return reader.read(CellRange(row - half, row + half + 1, col - half, col + half + 1)).data


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path, nargs="?")
    parser.add_argument("--survey", nargs="+")
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--chip-size", type=float, default=224.0)
    parser.add_argument("--crs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if given.survey:
            lattice, model = TileOptions(chip_m=given.chip_size, crs=given.crs), find_bundle(given.model)
            lines = survey_lines(given.survey, lattice, model, Path(scratch))
            print(markdown([*SURVEY_HEADER, *read_cached(model).legend.names], lines))
        else:
            print(markdown([*HEADER, *load_legend(LEGEND).names], compare(given.demo, Path(scratch))))


if __name__ == "__main__":
    main()
