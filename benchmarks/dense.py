"""The dense grid against whole chips: `python -m benchmarks.dense [--side 32] [--backbone resnet50]`.

Prints the processor time of a chip with `classify --cell 32` and `--cell 224`, without the fixed cost (a small and a large
survey, in turns in one run), which says the same on a busy machine; and how far the answers of windows with the context that is
used lie from those of windows with twice as much. How far maps of cells can be trusted: `benchmarks.dense_trust`.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino as ov

from benchmarks.imagery import Mosaic, crops, write_mosaic
from benchmarks.networks import random_bundle
from landuse.models.bundle import Bundle, find_bundle, read_bundle, write_bundle
from landuse.models.dense import OpenVinoDense, dense_shape
from landuse.options.survey import ClassifyOptions
from landuse.stages.classify import classify

TURNS = 2
CELL = 32
SMALL = 4
KEPT = 13
"""Cells along the side of the ground whose answers are compared."""


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


def context_error(bundle: Bundle) -> float:
    """Largest difference of a probability between windows with the context that is used and with twice as much."""
    shape = dense_shape(bundle.backbone, CELL, bundle.name)
    network = OpenVinoDense(bundle, shape, "f32")
    cells = KEPT + 4 * shape.context
    picture = np.concatenate([np.concatenate(list(crops()[i : i + 8]), 1) for i in range(0, 64, 8)])
    wide = np.ascontiguousarray(picture[: cells * CELL, : cells * CELL])
    margin = shape.context * CELL
    answers = []
    for image, around in ((wide, 2), (np.ascontiguousarray(wide[margin:-margin, margin:-margin]), 1)):
        found = next(network.maps(iter([image])))
        inner = found[:, around * shape.context * shape.step :, around * shape.context * shape.step :]
        kept = np.ascontiguousarray(inner[:, : KEPT * shape.step, : KEPT * shape.step])
        answers.append(network.cells(kept, np.ones(kept.shape[1:], bool)).probabilities)
    return float(np.abs(answers[0] - answers[1]).max())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=32, help="chips along the side of the large survey")
    parser.add_argument("--backbone", default="resnet50")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        surveys = [
            (write_mosaic(folder / f"{side}.tif", Mosaic(side, side)), side * side) for side in (SMALL, given.side)
        ]
        bundle = random_bundle(given.backbone)
        model = write_bundle(replace(bundle, name=given.backbone), folder / "model.landuse")
        print(f"OpenVINO {ov.get_version()}")
        for name, network in ((given.backbone, bundle), ("builtin", read_bundle(find_bundle("builtin")))):
            print(f"{name}: twice the context moves a probability by {context_error(network):.4f} at most")
        spent = milliseconds(surveys, model, folder)
        print(
            f"{given.backbone}: {spent[CELL]:.1f} ms of processor time a chip on cells, {spent[None]:.1f} on chips: "
            f"{spent[CELL] / spent[None]:.2f} times"
        )


if __name__ == "__main__":
    main()
