"""Chips a second of another head over kept features: `python -m benchmarks.second_head SMALL LARGE --model FILE`.

SMALL and LARGE are folders of `landuse classify --keep-features`. Both are classified anew in this process, in turns, and what
counts is the difference between the quickest runs of either: what is fixed, imports and frames of files, falls out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.table import slope
from landuse.options.survey import ClassifyOptions
from landuse.outputs.record import read_record
from landuse.stages.classify import classify

TURNS = 6


def seconds(kept: Path, model: Path, scratch: Path) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    classify([kept], scratch / "map", ClassifyOptions(model=str(model), master="inline", fresh=True))
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("small", type=Path)
    parser.add_argument("large", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    given = parser.parse_args()
    folders = (given.small, given.large)
    quickest = dict.fromkeys(folders, float("inf"))
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(TURNS):
            for folder in folders:
                quickest[folder] = min(quickest[folder], seconds(folder, given.model, Path(scratch)))
    chips = [int(read_record(folder).counts["chips"]) for folder in folders]
    small, large = zip(chips, quickest.values(), strict=True)
    print(f"chips/s {slope(small, large):.1f}")


if __name__ == "__main__":
    main()
