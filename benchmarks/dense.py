"""The dense grid against whole chips: `python -m benchmarks.dense [--side 32] [--model builtin]`.

Prints the processor time of a chip with `classify --cell 32` and `--cell 224`, without the fixed cost (a small and a large
survey, in turns in one run), which says the same on a busy machine. How far maps of cells can be trusted:
`benchmarks.dense_trust`.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import openvino as ov

from benchmarks.imagery import Mosaic, write_mosaic
from benchmarks.networks import random_bundle
from landuse.models.bundle import find_bundle, shipped_bundles, write_bundle
from landuse.options.survey import ClassifyOptions
from landuse.stages.classify import classify

TURNS = 2
CELL = 32
SMALL = 4


def milliseconds(surveys: list[tuple[Path, int]], model: Path, folder: Path) -> dict[float | None, float]:
    """Milliseconds of processor time of a chip, by cell, from a small and a large survey with their chips."""
    spent: dict[tuple[float | None, int], float] = {}
    for _ in range(TURNS):
        for cell in (None, CELL):
            for survey, chips in surveys:
                started = time.process_time()
                classify([survey], folder / f"map{cell}", ClassifyOptions(model=str(model), cell=cell, fresh=True))
                spent[cell, chips] = min(spent.get((cell, chips), math.inf), time.process_time() - started)
    (_, small), (_, large) = surveys
    return {cell: (spent[cell, large] - spent[cell, small]) / (large - small) * 1000 for cell in (None, CELL)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=32, help="chips along the side of the large survey")
    parser.add_argument("--model", default="resnet50", help="a model that ships, or a backbone with random weights")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        surveys = [
            (write_mosaic(folder / f"{side}.tif", Mosaic(side, side)), side * side) for side in (SMALL, given.side)
        ]
        ships = given.model in shipped_bundles()
        model = (
            find_bundle(given.model) if ships else write_bundle(random_bundle(given.model), folder / "model.landuse")
        )
        print(f"OpenVINO {ov.get_version()}")
        spent = milliseconds(surveys, model, folder)
        print(
            f"{given.model}: {spent[CELL]:.1f} ms of processor time a chip on cells, {spent[None]:.1f} on chips: "
            f"{spent[CELL] / spent[None]:.2f} times"
        )


if __name__ == "__main__":
    main()
