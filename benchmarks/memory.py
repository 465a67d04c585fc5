"""Memory and time of `classify` as chips become many: `python -m benchmarks.memory [--chips 10000 100000 1000000]`.

A tiny network on small chips, so that a million of them can be run: what is measured is the pipeline around the network. Each
size runs in a process of its own, and on Spark, where the workers are processes as well. The highest resident memory of every
process is asked of the kernel, so no peak is missed between two looks. `--master inline` or `--master local[2]` runs one alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter

from benchmarks.table import markdown

PX, CHIP_M = 8, 224
FIELD = 512
"""Side, in chips, of the land that is repeated."""
LOOK_S = 0.1
FLAT, TENFOLD = 1.10, 10.5
"""What was asked: memory of most chips against that of fewest, and time of ten times the chips."""
JAVA = "Java"
WEST, NORTH = CHIP_M * 16 * 90, CHIP_M * 16 * 1400


@dataclass
class Measured:
    """One run: chips, seconds, and the highest resident memory in MiB of each kind of process."""

    chips: int
    seconds: float
    memory: dict[str, float]


def write_survey(path: Path, side: int) -> None:
    """A raster of `side` x `side` chips: patches of four colours, some chips across, as land has them."""
    rng = np.random.default_rng(0)
    fields = np.stack([gaussian_filter(rng.normal(size=(FIELD, FIELD)), 2, mode="wrap") for _ in range(4)])
    land = colours()[fields.argmax(axis=0)].repeat(PX, 1)
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": "EPSG:26919", "compress": "deflate"}
    tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "pixel", "BIGTIFF": "IF_SAFER"}
    place = from_origin(WEST, NORTH, CHIP_M / PX, CHIP_M / PX)
    with rasterio.open(path, "w", width=side * PX, height=side * PX, transform=place, **profile, **tiles) as raster:
        for row in range(0, side, 32):
            lines = land[np.arange(row, min(row + 32, side)) % FIELD].repeat(PX, 0)
            strip = np.tile(lines, (1, side // FIELD + 1, 1))[:, : side * PX]
            raster.write(strip.transpose(2, 0, 1), window=Window(0, row * PX, side * PX, len(strip)))


def colours() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The colour of each class, (4, 3)."""
    return np.array([[40, 90, 40], [200, 190, 90], [150, 150, 155], [30, 50, 130]], np.uint8)


def write_model(path: Path) -> None:
    """A network that takes the mean colour, and a head that finds the nearest of the four."""
    from landuse.legend import LandClass, Legend
    from landuse.models.architectures import Preprocess
    from landuse.models.backbone import backbone_of
    from landuse.models.bundle import Bundle, write_bundle
    from landuse.models.heads import logistic
    from landuse.models.libraries import ops, ov

    names = ("Forest", "Field", "Town", "Water")
    legend = Legend(
        name="four", classes=tuple(LandClass(code=i, name=n, color="#336699") for i, n in enumerate(names, 1))
    )
    image = ops.parameter([-1, PX, PX, 3], np.float32, name="image")
    pooled = ops.reduce_mean(image, np.array([1, 2]), False)
    backbone = backbone_of(ov.Model([pooled.output(0)], [image], "colours"), Preprocess(scale=1 / 255))
    colour = (colours() / 255).astype(np.float32)
    head = logistic(
        weight=np.asarray(colour.T * 60, np.float32),
        bias=np.asarray(-(colour**2).sum(axis=1) * 30, np.float32),
        mean=np.zeros(3, np.float32),
        scale=np.ones(3, np.float32),
    )
    write_bundle(Bundle("colours", backbone, head, legend), path)


def run_child(folder: Path, master: str) -> None:
    """Classify the survey of a folder; print how long it took and the highest memory of this process."""
    import resource

    from landuse.options.survey import ClassifyOptions
    from landuse.stages.classify import classify

    started = time.perf_counter()
    options = ClassifyOptions(model=str(folder / "colours.landuse"), master=master)
    _, record = classify([folder / "survey.tif"], folder / "map", options)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        json.dumps({"chips": record.counts["chips"], "seconds": time.perf_counter() - started, "driver": peak}) + "\n"
    )


def measure(chips: int, master: str) -> Measured:
    """Classify about so many chips in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="landuse-memory-") as name:
        folder = Path(name)
        write_survey(folder / "survey.tif", round(chips**0.5))
        write_model(folder / "colours.landuse")
        command = [sys.executable, "-m", "benchmarks.memory", "--child", name, "--master", master]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            peaks = watch(child) if master != "inline" else {}
            said = json.loads((child.stdout.read() if child.stdout else "").splitlines()[-1])
    kinds = {"driver": said["driver"]}
    for kind in {kind for kind, _ in peaks.values()}:
        kinds[kind] = max(peak for other, peak in peaks.values() if other == kind)
    return Measured(said["chips"], said["seconds"], kinds)


def watch(child: subprocess.Popen[str]) -> dict[int, tuple[str, float]]:
    """Kind and highest resident memory (MiB) of every process below `child`, by process id."""
    peaks: dict[int, tuple[str, float]] = {}
    while child.poll() is None:
        for pid in descendants(child.pid):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            peak = next((int(x.split()[1]) / 1024 for x in status.splitlines() if x.startswith("VmHWM")), 0.0)
            kind = JAVA if "java" in status.splitlines()[0] else "worker"
            peaks[pid] = (kind, max(peak, peaks.get(pid, ("", 0.0))[1]))
        time.sleep(LOOK_S)
    return peaks


def descendants(pid: int) -> list[int]:
    """Every process below a process."""
    from landuse.engine.watch import children  # loads py4j, which the measured process shall not

    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def report(master: str, runs: Sequence[Measured]) -> list[list[str]]:
    """The lines of the table for one master: what each size took, the ratio of the last to the first, and whether it may be so.

    Java's memory is no part of what was asked: it fills the heap that it was given before it looks for what is free.
    """
    first, last = runs[0], runs[-1]
    lines = []
    for kind in first.memory:
        ratio = last.memory[kind] / first.memory[kind]
        values = [f"{run.memory[kind]:,.0f} MiB" for run in runs]
        met = "" if kind == JAVA else "yes" if ratio <= FLAT else "no"
        lines.append([f"{master}: highest memory, {kind}", *values, f"{ratio:.2f}", met])
    growth = max(tenfold(one, next_one) for one, next_one in pairwise(runs)) if len(runs) > 1 else 1.0
    met = "yes" if growth <= TENFOLD else "no"
    lines.append(
        [f"{master}: time", *(f"{run.seconds:,.1f} s" for run in runs), f"{last.seconds / first.seconds:.1f}", ""]
    )
    lines.append([f"{master}: time for ten times the chips, at worst", *[""] * len(runs), f"{growth:.1f}", met])
    return lines


def tenfold(one: Measured, other: Measured) -> float:
    """How many times longer ten times the chips take, by two runs: 10 where time follows the chips."""
    return 10 * (other.seconds / one.seconds) / (other.chips / one.chips)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chips", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--master", nargs="+", default=["inline", "local[2]"])
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        run_child(given.child, given.master[0])
        return
    lines = []
    for master in given.master:
        runs = [measure(chips, master) for chips in given.chips]
        lines += report(master, runs)
    head = ["", *(f"{run.chips:,} chips" for run in runs), "last to first", f"within {FLAT:.2f} and {TENFOLD}?"]
    sys.stdout.write(markdown(head, lines) + "\n")


if __name__ == "__main__":
    main()
