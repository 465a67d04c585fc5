"""`classify --dry-run`: what a run would do and what it would cost, from its plan and from some chips run for real."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from landuse.chips import Chips
from landuse.engine.machine import free_disk
from landuse.engine.parts import PartStore, parts_beside
from landuse.engine.progress import busy, spoken
from landuse.models.bundle import Bundle, find_bundle
from landuse.models.runtime import read_cached
from landuse.options.survey import ClassifyOptions
from landuse.outputs.folder import check_free, followed
from landuse.outputs.record import FileIdentity
from landuse.scoring.block import BlockTask
from landuse.scoring.colours import adapted_model, colours_for, looked_at
from landuse.scoring.features import FEATURES_FILE, run_head
from landuse.scoring.plan import ScoreSettings, identify_sources, plan
from landuse.scoring.probe import Rates, measure_rates
from landuse.stages.survey import chips_of, kept_features, on_earlier, score_settings, survey_options
from landuse.text import counted

SAMPLE = 4_096
"""Blocks among which those of the probe are chosen."""
OVERVIEWS = 4 / 3
POLYGON_BYTES, TABLE_BYTES = 100, 60
"""Bytes a chip of landuse.geojson, which landuse.gpkg has too, and of the base columns of chips.parquet: more than was seen."""
FEATURE_BYTES = 2
"""Bytes of a feature that is kept."""
WRITE_S = 7e-5
"""Seconds a chip until it is in the files of the map (`make bench-big`, whose network answers at once)."""
EMPTY_MAP = 120_000
"""Bytes of a map without a cell: tables and style of a GeoPackage, styles beside it."""
START_S = 2.0
"""Seconds of imports and of files that do not grow with the map (`python -m benchmarks --only fixed`)."""
RESERVE = 1.2
"""Factor on the measured memory of a worker, for blocks that are harder than those of the probe."""


@dataclass(frozen=True)
class Work:
    """What there is to do: blocks and chips in all, blocks and chips that are not done yet, and some of the latter."""

    blocks: int
    chips: int
    todo_blocks: int
    todo_chips: int
    sample: tuple[BlockTask, ...]


@dataclass(frozen=True)
class Forecast:
    """What a run would do and cost.

    Attributes:
        read_bytes: bytes that would be read of them, compressed as they are.
        unknown_files: those of them whose size is not known from here; they are not in `read_bytes`.
        look_s: seconds of finding the chips, which the run spends likewise.
        rates: what some chips showed; None where every block is done.
        disk_bytes: room needed while the run lasts, and what of it stays.
        head_seconds: time of the head where features of an earlier run stand for imagery; None where they do not.
        looked_at: chips that are run before all others, to bring the survey's features to the model's.
    """

    work: Work
    files: int
    read_bytes: int
    unknown_files: int
    look_s: float
    rates: Rates | None
    disk_bytes: tuple[int, int]
    free_bytes: int
    head_seconds: float | None = None
    looked_at: int = 0

    @property
    def seconds(self) -> float:
        """Expected time of the command, from its start until the map is written."""
        fixed = START_S + self.look_s + self.work.chips * WRITE_S
        if self.head_seconds is not None:
            return fixed + self.head_seconds
        if self.rates is None:
            return fixed
        looking = self.looked_at / self.rates.pace(1)
        return fixed + looking + self.rates.seconds(self.work.todo_chips, self.work.todo_blocks)

    def as_dict(self) -> dict[str, Any]:
        """The forecast in figures, for scripts; times in seconds, sizes in bytes."""
        work, rates = self.work, self.rates
        return {
            "chips": work.chips,
            "blocks": work.blocks,
            "chips_left": work.todo_chips,
            "blocks_left": work.todo_blocks,
            "files": self.files,
            "read_bytes": self.read_bytes,
            "files_of_unknown_size": self.unknown_files,
            "seconds": self.seconds,
            "chips_per_second": None if rates is None else rates.pace(work.todo_blocks),
            "at_once": None if rates is None else min(rates.at_once, work.todo_blocks),
            "precision": None if rates is None else rates.probe.precision,
            "worker_memory_bytes": None if rates is None else rates.probe.memory or None,
            "disk_bytes": self.disk_bytes[0],
            "disk_bytes_that_stay": self.disk_bytes[1],
            "free_bytes": self.free_bytes,
        }

    def lines(self) -> list[str]:
        """The forecast in words."""
        work, rates = self.work, self.rates
        unknown = f" and {self.unknown_files:,} whose size is not known from here" if self.unknown_files else ""
        reused = work.blocks - work.todo_blocks
        if self.head_seconds is None:
            left = counted(work.todo_chips, "chip is", "chips are")
            again = f"{counted(reused, 'block')} of an earlier run, so {left} left"
        else:
            again = "the features of every chip, which an earlier run kept, so no imagery is read"
        found = [
            f"chips    {work.chips:,} in {counted(work.blocks, 'block')}",
            f"reused   {again}",
            f"reads    about {size(self.read_bytes)} of {counted(self.files - self.unknown_files, 'file')}{unknown}",
        ]
        if rates is None:
            found.append(f"time     about {spoken(self.seconds)} until the map is written")
        else:
            at_once = min(rates.at_once, work.todo_blocks)
            found += [
                f"time     about {spoken(self.seconds)} until the map is written: {rates.pace(at_once):,.4g} chips/s with "
                f"{at_once} at once in {rates.probe.precision}, {rates.start_s:.1f} s until a worker is warm (measured on "
                f"{rates.probe.chips:,} chips)",
                self._memory(rates),
            ]
        return [
            *found,
            f"disk     at most about {size(self.disk_bytes[0])} while it runs, {size(self.disk_bytes[1])} of which stay; "
            f"{size(self.free_bytes)} are free",
        ]

    @staticmethod
    def _memory(rates: Rates) -> str:
        if not rates.probe.memory:
            return "memory   not known on this system"
        return (
            f"memory   {size(rates.probe.memory)} a worker process, Python, model and pixels (measured); "
            f"on Spark that is beside the JVM, so spark.executor.memoryOverhead wants "
            f"{size(rates.probe.memory * RESERVE)} for each task that an executor runs at once"
        )


def forecast(inputs: Sequence[str | Path], out: Path, options: ClassifyOptions) -> Forecast:
    """Say what `classify` with the same arguments would do, and what it would cost. Writes nothing beside or into `out`.

    Raises:
        LanduseError: what `classify` would raise before its first block.
    """
    started = time.perf_counter()
    out = followed(out)
    check_free(out, fresh=options.fresh)
    options = on_earlier(options)
    model = find_bundle(options.model)
    bundle = read_cached(model)
    kept = kept_features(inputs, options)
    if kept is not None:
        return forecast_head(kept, bundle, out)
    settings = score_settings(model, inputs, out, options)
    with tempfile.TemporaryDirectory(prefix="landuse-") as folder:
        chips = chips_of(inputs, survey_options(options, bundle, settings.split), Path(folder), settings.split)
        parts = parts_beside(out)
        settings, looked = in_colours(chips, settings, options, parts)
        files = identify_sources(chips.survey)
        done = set() if options.fresh else PartStore(settings.parts or str(parts)).existing()
        work = survey_work(chips, settings, files, done)
        look_s = time.perf_counter() - started
        with busy("measuring the pace"):
            rates = measure_rates(chips, settings, work.sample) if work.sample else None
        shares = touched_shares(chips)
    left = work.todo_chips / max(1, work.chips)
    touched = [path for path in shares if path in files]
    return Forecast(
        work=work,
        files=len(touched),
        read_bytes=round(left * sum(max(0, files[path].size) * shares[path] for path in touched)),
        unknown_files=sum(files[path].size < 0 for path in touched),
        look_s=look_s,
        rates=rates,
        disk_bytes=disk_bytes(chips, bundle, rates, features=settings.features),
        free_bytes=free_disk(existing_folder(out)),
        looked_at=looked,
    )


def in_colours(
    chips: Chips, settings: ScoreSettings, options: ClassifyOptions, parts: Path
) -> tuple[ScoreSettings, int]:
    """The settings in the colours that the run would decide on, and how many chips it would look at for its features."""
    bundle = read_cached(settings.model)
    colours = colours_for(chips.survey, bundle.palette, options.normalise)
    settings = replace(settings, recolouring=colours.recolouring)
    looked = looked_at(chips, settings, colours) if options.normalise == "auto" else 0
    earlier = adapted_model(bundle, parts)
    return (replace(settings, model=earlier) if looked and earlier.is_file() else settings), looked


def forecast_head(kept: Path, bundle: Bundle, out: Path) -> Forecast:
    """What a run over the features that an earlier run kept would do; its pace is that of the first row of blocks.

    Raises:
        LanduseError: as `run_head`.
    """
    begun = time.perf_counter()
    run, table = run_head(kept, bundle), kept / FEATURES_FILE
    blocks = sum(len(np.unique(strip.cols // run.span)) for strip in run.chips.strips(run.span))
    started = time.perf_counter()
    first = next(run.strips(), None)
    pace = (time.perf_counter() - started) / (len(first.chips) if first else 1)
    return Forecast(
        work=Work(blocks, len(run.chips), 0, 0, ()),
        files=1,
        read_bytes=table.stat().st_size,
        unknown_files=0,
        look_s=started - begun,
        rates=None,
        disk_bytes=disk_bytes(run.chips, bundle, None),
        free_bytes=free_disk(existing_folder(out)),
        head_seconds=pace * len(run.chips),
    )


def survey_work(chips: Chips, settings: ScoreSettings, files: Mapping[str, FileIdentity], done: set[str]) -> Work:
    """Count the blocks, and those that have no part yet."""
    blocks = todo_blocks = todo_chips = 0
    sample: list[BlockTask] = []
    for task in plan(chips, read_cached(settings.model), settings, files):
        blocks += 1
        if task.key in done:
            continue
        todo_blocks, todo_chips = todo_blocks + 1, todo_chips + task.chips
        if len(sample) < SAMPLE:
            sample.append(task)
    return Work(blocks, len(chips), todo_blocks, todo_chips, tuple(sample))


def touched_shares(chips: Chips) -> dict[str, float]:
    """Share of each file of the survey that lies under chips, 0 to 1; files without a chip are left out."""
    survey, grid = chips.survey, chips.grid
    cells = np.zeros(len(survey.sources), np.int64)
    for strip in chips.strips():
        cells += np.bincount(strip.sources.numbers, minlength=len(cells))
    areas = np.array([footprint.area for footprint in survey.footprints(grid.crs)])
    shares = np.minimum(1.0, cells * grid.side**2 / areas)
    found: dict[str, float] = {}
    for source, share in zip(survey.sources, shares.tolist(), strict=True):
        for path in source.paths if share else ():
            found[path] = max(share, found.get(path, 0.0))
    return found


def disk_bytes(chips: Chips, bundle: Bundle, rates: Rates | None, *, features: bool = False) -> tuple[int, int]:
    """Bytes needed while a run lasts, and those that stay: at most, since nothing says yet how well the map packs.

    With `features` those of every chip stay, in half precision.
    """
    cells, count, classes = chips.extent.size, len(chips), len(bundle.legend)
    rasters = cells * (1 + 4 * classes)
    stay = EMPTY_MAP + rasters * OVERVIEWS + count * (2 * POLYGON_BYTES + TABLE_BYTES + 4 * (classes + 1))
    stay += count * FEATURE_BYTES * bundle.head.feature_count if features else 0
    parts = count * (rates.probe.part_bytes / rates.probe.chips if rates else 0.0)
    return round(stay + rasters + parts + count * TABLE_BYTES), round(stay)


def existing_folder(path: Path) -> Path:
    """The nearest folder above a path that exists."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def size(count: float) -> str:
    """Bytes in the unit that suits.

    Example:
        >>> size(340_000_000), size(12_345_678_901)
        ('340 MB', '12.3 GB')
    """
    for unit, scale in (("TB", 1e12), ("GB", 1e9)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"
