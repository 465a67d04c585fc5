"""Where the milliseconds of a chip go: `python -m benchmarks.profile [--chips 256] [--no-network]` prints a Markdown table.

Times are processor time, which other work on the machine hardly changes. Stages are timed around the calls of the real
reader, in this process and on one thread, by wrapping them from outside.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.imagery import CHIP, LATTICE, Mosaic, write_mosaic
from benchmarks.networks import random_bundle
from benchmarks.table import markdown
from landuse.engine.parts import PartStore
from landuse.models.runtime import open_runtime
from landuse.mosaic import files, layer
from landuse.options.survey import TileOptions
from landuse.scoring import block
from landuse.stages.survey import survey_chips

ALBERS = "EPSG:5070"
STAGES = ("read", "decode", "resample", "copy", "infer", "write")
CASES = [(compress, crs) for crs in (LATTICE, ALBERS) for compress in ("jpeg", "deflate", "raw")]
TURNS = 3


@dataclass
class Clock:
    """Processor seconds of this thread by stage; time inside a nested stage counts for that stage alone."""

    spent: dict[str, float]
    nested: float = 0.0

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, its time counted for `stage`."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            outer, self.nested = self.nested, 0.0
            start = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                whole = time.thread_time() - start
                self.spent[stage] += whole - self.nested
                self.nested = outer + whole

        return wrapped


@contextmanager
def wrapped_reader(clock: Clock) -> Iterator[None]:
    """The reader's calls under the clock: GDAL's reads as `decode`, resampling as `resample`."""
    with (
        mock.patch.object(files, "_read_bands", clock.timed("decode", files._read_bands)),
        mock.patch.object(layer, "axis", clock.timed("resample", layer.axis)),
        mock.patch.object(layer, "resample", clock.timed("resample", layer.resample)),
        mock.patch.object(layer, "warp", clock.timed("resample", layer.warp)),
        mock.patch.object(layer, "source_extent", clock.timed("resample", layer.source_extent)),
    ):
        yield


def read_stages(path: Path, model: Path) -> tuple[dict[str, float], int]:
    """Processor seconds of reading every chip of a mosaic, by stage, and how many chips those were."""
    chips = survey_chips([path], TileOptions(crs=LATTICE, min_valid=1.0))
    job = block.ScoreJob(chips.grid, model, "openvino", "f32", 0, "")
    clock = Clock(defaultdict(float))
    with wrapped_reader(clock):
        run = clock.timed("copy", read_blocks)
        count = run(job, chips)
    raw = time.thread_time()
    with path.open("rb", buffering=0) as stream:
        while stream.read(2**20):
            pass
    clock.spent["read"] = time.thread_time() - raw
    clock.spent["decode"] = max(0.0, clock.spent["decode"] - clock.spent["read"])
    return clock.spent, count


def read_blocks(job: block.ScoreJob, chips: Any) -> int:  # noqa: ANN401
    """Read all chips block by block as a worker does; how many."""
    count = 0
    for where, rows in chips.blocks():
        task = block.BlockTask.of(where, "", (chips.rows[rows], chips.cols[rows]), chips.survey)
        count += sum(map(len, block.ChipStream(job, task)))
    return count


def infer_seconds(chips: int) -> float:
    """Processor seconds a chip of ResNet50 in the precision of this machine, all cores."""
    runtime = open_runtime(random_bundle())
    images = np.random.default_rng(0).integers(0, 256, (chips, CHIP, CHIP, 3), dtype=np.uint8)
    runtime.predict(images[:16])
    start = time.process_time()
    runtime.predict(images)
    return (time.process_time() - start) / chips


def write_seconds(folder: Path) -> float:
    """Processor seconds a chip of writing a block's part."""
    store, count = PartStore(str(folder)), 256
    vectors = {"probabilities": [np.random.default_rng(0).random((16, 7), dtype=np.float32)] * (count // 16)}
    cells = {"row": np.arange(count), "col": np.arange(count)}
    store.write("0" * 64, block.part_table(cells, vectors))  # imports what the first one needs
    start = time.process_time()
    for index in range(1, 11):
        store.write(f"{index:064x}", block.part_table(cells, vectors))
    return (time.process_time() - start) / (10 * count)


def profile_lines(side: int, network: bool) -> Iterator[list[str]]:
    """A line a case: name, milliseconds of each stage, and the chips/s that one thread could read."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        fixed = {"infer": infer_seconds(32) if network else 0.0, "write": write_seconds(folder)}
        for number, (compress, crs) in enumerate(CASES):
            path = write_mosaic(folder / f"{number}.tif", Mosaic(side, side, compress, crs))
            runs = [read_stages(path, folder) for _ in range(TURNS)]
            spent, count = min(runs, key=lambda run: sum(run[0].values()))
            stages = {name: seconds / count for name, seconds in spent.items()} | fixed
            reading = sum(spent.values()) / count
            name = f"{compress}, {'the lattice’s own CRS' if crs == LATTICE else 'warped from Albers'}"
            figures = [f"{1000 * stages.get(stage, 0.0):.2f}" for stage in STAGES]
            yield [name, *figures, f"{1 / reading:.0f}"]
            path.unlink()


def table(side: int = 16, *, network: bool = True) -> str:
    """The profile as Markdown."""
    header = ["source", *(f"{stage} ms" for stage in STAGES), "chips/s one thread reads"]
    return markdown(header, list(profile_lines(side, network)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=16, help="chips along a side of each mosaic")
    parser.add_argument("--no-network", action="store_true", help="leave inference out")
    given = parser.parse_args()
    print(table(given.side, network=not given.no_network))


if __name__ == "__main__":
    main()
