"""The dense grid against whole chips: `python -m benchmarks.dense [--mosaic FILE] [--side 32] [--backbone resnet50]`.

Prints how much longer `classify --cell 32` takes than `--cell 224` on one survey, in turns in one run; how far the answers of
windows with the context that is used lie from those of windows with twice as much; and how often the cell in the middle of a
chip of the sample data has the class of the chip.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino as ov

from benchmarks.imagery import Mosaic, crops, write_mosaic
from benchmarks.networks import random_bundle
from landuse.bundle import Bundle, find_bundle, read_bundle, write_bundle
from landuse.chips import read_chips, read_columns
from landuse.classify import ClassifyOptions, classify
from landuse.models.dense import dense_shape
from landuse.models.openvino_dense import OpenVinoDense

TURNS = 2
CELL = 32
KEPT = 13
"""Cells along the side of the ground whose answers are compared."""


def ratio(survey: Path, model: Path, folder: Path) -> float:
    """Time of a run of cells divided by that of a run of chips; the best of several turns of each."""
    best: dict[float | None, float] = {}
    for _ in range(TURNS):
        for cell in (None, CELL):
            options = ClassifyOptions(model=str(model), cell=cell, fresh=True)
            _, record = classify([survey], folder / f"map{cell}", options)
            best[cell] = min(best.get(cell, np.inf), float(record.timings["scoring_seconds"]))
    return best[CELL] / best[None]


def context_error(bundle: Bundle) -> float:
    """Largest difference of a probability between windows with the context that is used and with twice as much."""
    shape = dense_shape(bundle.network, bundle.chip_px, CELL, bundle.name)
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


def agreement(folder: Path) -> float:
    """Share of the chips of the sample data whose middle cell has their class, by the built-in model."""
    survey = sorted((Path(__file__).parents[1] / "sample_data" / "2014").glob("*.tif"))
    found = {}
    for cell in (None, CELL):
        out = folder / f"sample{cell}"
        classify(survey, out, ClassifyOptions(cell=cell))
        chips, classes = read_chips(out), read_columns(out, ["class"])["class"].to_pylist()
        found[cell] = dict(zip(zip(chips.rows.tolist(), chips.cols.tolist(), strict=True), classes, strict=True))
    same = [found[CELL].get((7 * row + 3, 7 * col + 3)) == name for (row, col), name in found[None].items()]
    return float(np.mean(same))


def main() -> None:
    """Print the three figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mosaic", type=Path, help="a survey of one's own")
    parser.add_argument("--side", type=int, default=32, help="chips along the side of the mosaic made otherwise")
    parser.add_argument("--backbone", default="resnet50")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        survey = given.mosaic or write_mosaic(folder / "mosaic.tif", Mosaic(given.side, given.side))
        bundle = random_bundle(given.backbone)
        model = write_bundle(replace(bundle, name=given.backbone), folder / "model.landuse")
        print(f"OpenVINO {ov.get_version()}")
        for name, network in ((given.backbone, bundle), ("builtin", read_bundle(find_bundle("builtin")))):
            print(f"{name}: twice the context moves a probability by {context_error(network):.4f} at most")
        print(f"builtin: {agreement(folder):.1%} of the sample's chips have the class of their middle cell")
        print(f"{given.backbone}: {ratio(survey, model, folder):.2f} times the time of whole chips")


if __name__ == "__main__":
    main()
