"""Memory and time of `diff` as cells become many: `python -m benchmarks.diff_memory [--cells 1000000 5000000 25000000]`.

Made maps of seven classes: each survey is 82 % right, a hundredth of the land has changed, so labels differ in a third of the
cells. By default hardly a site is listed then; with `--method joint` there is one for every 58 cells. With `--components` the
maps have what those of chips have beside. Each size runs in a process of its own; the kernel is asked for its highest resident
memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyproj import CRS
from scipy.ndimage import gaussian_filter

from benchmarks.memory import Measured, report
from benchmarks.table import markdown
from landuse.change.methods import DEFAULT, METHODS
from landuse.models.learnt_features import MOST_COMPONENTS, to_bytes

CLASSES, FIELD = 7, 512
SURE = 2.26
"""Distance of the class means in standard deviations of the noise, at which 82 % of the labels are right."""
ROW, COL = 20_000, 2_500


Land = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]
"""Probabilities (K, h, w) and components (M, h, w) of a piece of land."""


def made_land(seed: int) -> tuple[Land, Land]:
    """One piece of land, FIELD x FIELD, at two dates."""
    rng = np.random.default_rng(seed)
    fields = np.stack([gaussian_filter(rng.normal(size=(FIELD, FIELD)), 6, mode="wrap") for _ in range(CLASSES)])
    before = fields.argmax(axis=0)
    new = gaussian_filter(rng.normal(size=(FIELD, FIELD)), 1.5, mode="wrap")
    after = np.where(new > np.quantile(new, 0.99), (before + 1) % CLASSES, before)
    place = rng.normal(size=(MOST_COMPONENTS, FIELD, FIELD)).astype(np.float32)
    now = np.where(before == after, place, np.roll(place, 7, axis=1))
    first, second = (to_bytes(look + 0.3 * rng.normal(size=look.shape).astype(np.float32)) for look in (place, now))
    return (_look(rng, before), first), (_look(rng, after), second)


def _look(rng: np.random.Generator, truth: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    evidence = SURE * (rng.normal(size=(CLASSES, *truth.shape)) + SURE * np.eye(CLASSES)[truth].transpose(2, 0, 1))
    shares = np.exp(evidence - evidence.max(axis=0))
    return (shares / shares.sum(axis=0)).astype(np.float32)


def write_map(folder: Path, land: Land, side: int, *, components: bool) -> None:
    """A folder as classify writes it, of `side` x `side` cells: the land repeated."""
    from landuse.grid import CellRange, ChipGrid
    from landuse.legend import LandClass, Legend
    from landuse.outputs.cog import Place, bands_cog, class_cog, components_cog
    from landuse.outputs.record import RunRecord, write_record

    names = [f"Class {number}" for number in range(1, CLASSES + 1)]
    legend = Legend(
        name="seven", classes=tuple(LandClass(code=n, name=name, color="#336699") for n, name in enumerate(names, 1))
    )
    grid = ChipGrid(CRS.from_epsg(26914), chip_m=32.0)
    place = Place(grid.crs, grid.transform(CellRange(ROW, ROW + side, COL, COL + side), 1), (side, side))
    folder.mkdir()
    with ExitStack() as files:
        codes = files.enter_context(class_cog(folder / "landuse.tif", place, legend))
        bands = files.enter_context(bands_cog(folder / "probabilities.tif", place, names))
        path = folder / "components.tif"
        looks = files.enter_context(components_cog(path, place, len(land[1]))) if components else None
        for top in range(0, side, FIELD):
            for left in range(0, side, FIELD):
                piece = land[0][:, : side - top, : side - left]
                bands.write(piece, top, left)
                if looks is not None:
                    looks.write(land[1][:, : side - top, : side - left], top, left)
                codes.write((piece.argmax(axis=0) + 1).astype(np.uint8), top, left)
    write_record(folder, RunRecord(command="classify", grid=grid.as_dict(), legend=legend.model_dump(mode="json")))


def run_child(folder: Path, method: str) -> None:
    """Compare the two maps of a folder; print how long it took and the highest memory of this process."""
    import resource

    from landuse.options.results import DiffOptions
    from landuse.stages.diff import diff

    started = time.perf_counter()
    found = diff([folder / "y2010", folder / "y2020"], folder / "change", DiffOptions(method=method))
    seconds, cpu = time.perf_counter() - started, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cells = found.summary["cells"]["compared"]
    sys.stdout.write(json.dumps({"cells": cells, "seconds": seconds, "cpu": cpu, "memory": peak}) + "\n")


def measure(cells: int, folder: Path | None, method: str, *, components: bool) -> Measured:
    """Compare maps of about so many cells in a process of its own."""
    side = round(cells**0.5)
    with tempfile.TemporaryDirectory(prefix="landuse-diff-", dir=folder) as name:
        for year, land in zip(("y2010", "y2020"), made_land(0), strict=True):
            write_map(Path(name) / year, land, side, components=components)
        command = [sys.executable, "-m", "benchmarks.diff_memory", "--child", name, "--method", method]
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    sys.stderr.write(f"{said}\n")
    return Measured(said["cells"], said["seconds"], {"diff": said["memory"]})


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[1_000_000, 5_000_000, 25_000_000])
    parser.add_argument("--work", type=Path, help="Where the made maps lie meanwhile; 25 million cells take 4 GB.")
    parser.add_argument("--components", action="store_true", help="Made maps have components, as those of chips do.")
    parser.add_argument("--method", default=DEFAULT, choices=METHODS, help="How change is inferred.")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        run_child(given.child, given.method)
        return
    runs = [measure(cells, given.work, given.method, components=given.components) for cells in given.cells]
    head = ["", *(f"{run.chips:,} cells" for run in runs), "last to first", "within 1.10 and 10.5?"]
    sys.stdout.write(markdown(head, report("diff", runs)) + "\n")


if __name__ == "__main__":
    main()
