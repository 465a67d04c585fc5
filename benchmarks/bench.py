"""What every measurement needs: a folder, models, mosaics, and how long it may take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.commands import Ran, landuse, module, python
from benchmarks.table import slope

BASELINES = Path(__file__).parent / "baselines"
LONG_S, SHORT_S = 9.0, 2.0


@dataclass
class Bench:
    """A round of measurements.

    Attributes:
        folder: for all that is made on the way.
        quick: take sizes that only show whether everything runs.
        baselines: folder of limit_engine.py, baseline_loop.py and baseline_spark_udf.py.
        until: `time.monotonic()` at which the last measurement should have ended.
    """

    folder: Path
    quick: bool = False
    baselines: Path = BASELINES
    until: float = math.inf

    @property
    def turns(self) -> int:
        """How often the contestants take turns."""
        return 1 if self.quick else 3

    @property
    def seconds(self) -> float:
        """About how long each contestant computes in a turn."""
        return SHORT_S if self.quick else LONG_S

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self.until - time.monotonic()

    @cached_property
    def model(self) -> Path:
        """A ResNet50."""
        return self.bundle(0)

    def bundle(self, head: int, *options: str) -> Path:
        """A ResNet50 with one of several heads; options are those of `benchmarks.networks`."""
        path = self.folder / f"resnet50_{head}{''.join(options)}.landuse"
        if not path.exists():
            module("benchmarks.networks", path, "--head", str(head), *options)
        return path

    @cached_property
    def precision(self) -> str:
        """What this processor computes in: bf16 where it has units for that."""
        from landuse.models.libraries import ov
        from landuse.models.runtime import choose_precision

        return choose_precision("auto", ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))

    @cached_property
    def lacks(self) -> str:
        """What this machine lacks to show a ratio that was asked of bfloat16; empty where it has that."""
        return "" if self.precision == "bf16" else "asked of bfloat16, which this processor has not"

    @cached_property
    def guess(self) -> float:
        """Chips a second to expect; it decides how large the mosaics are."""
        return self.limit(1.0)

    def limit(self, seconds: float | None = None) -> float:
        """Chips a second of the engine on chips in memory."""
        words = ["--precision", self.precision, "--seconds", str(seconds or self.seconds / 1.5)]
        cache = ["--cache", self.folder] if self.baselines == BASELINES else []
        return python(self.baselines / "limit_engine.py", *words, *cache).rate

    def mosaic(self, rows: int, cols: int) -> Path:
        """A JPEG mosaic of so many chips, made once."""
        path = self.folder / f"mosaic_{rows}_{cols}.tif"
        if not path.exists():
            module("benchmarks.imagery", path, "--rows", str(rows), "--cols", str(cols))
        return path

    def side(self, seconds: float) -> int:
        """Side in chips of a square mosaic that takes the engine about so long."""
        return max(8, math.ceil(math.sqrt(seconds * self.guess)))

    def classify(self, source: Path, *options: str | Path) -> Ran:
        """Run `landuse classify` into a fresh folder, with the ResNet50 unless the options name another model."""
        out, model = self.folder / "map", () if "--model" in options else ("--model", self.model)
        return landuse("classify", source, *model, "--out", out, "--fresh", *options)

    def rate(self, runs: Sequence[tuple[int, float]]) -> float:
        """Chips a second from two runs (chips, seconds): without the fixed cost, but with --quick, which is for trying out."""
        return runs[-1][0] / runs[-1][1] if self.quick else slope(*runs)

    def steady(self, small: tuple[int, int], large: tuple[int, int], *options: str | Path) -> Callable[[], float]:
        """A contestant: chips a second of `classify` without its fixed cost, from mosaics of two sizes (rows, cols)."""

        def measured() -> float:
            pairs = (small, large)
            return self.rate(
                [(rows * cols, self.classify(self.mosaic(rows, cols), *options).seconds) for rows, cols in pairs]
            )

        for rows, cols in (small, large):
            self.mosaic(rows, cols)
        return measured


def in_turns(contestants: dict[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    """The rates of each contestant, one a round; in a round they follow one another."""
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, measure in contestants.items():
            found[name].append(measure())
    return found
