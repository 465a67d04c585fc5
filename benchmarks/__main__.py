"""All measurements as one Markdown page: `python -m benchmarks [--quick] [--only NAME] [--baselines FOLDER]`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import county, speed
from benchmarks.bench import BASELINES, Bench
from benchmarks.commands import BenchError, module
from benchmarks.rows import HEADER, Row, failed_row
from benchmarks.table import markdown
from landuse.engine.java import find_java, java_home
from landuse.engine.machine import cores, instruction_sets, memory, processor_name
from landuse.outputs.record import library_versions

MINUTES = 15.0
MEASURES: dict[str, tuple[Callable[[Bench], list[Row]], float]] = {
    "fixed": (speed.fixed_cost, 60),
    "throughput": (speed.throughput, 300),
    "workers": (speed.workers, 120),
    "dense": (speed.dense, 100),
    "int8": (speed.int8, 100),
    "heads": (speed.heads, 60),
    "tile": (speed.tiling, 90),
    "county": (county.county, 240),
}
"""Each measurement and the seconds that it needs; one for which no time is left is skipped, and says so."""

SECTIONS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "profile": ("Where the milliseconds of a chip go (processor time)", ("benchmarks.profile",), 60),
    "memory": ("Memory and time as chips become many", ("benchmarks.memory", "--chips", "10000", "100000"), 90),
}
"""What follows the table: title, module with its arguments, and the seconds that it needs."""

QUICK = {"profile": ("--side", "2", "--no-network"), "memory": ("--chips", "100", "1000")}
"""The arguments that do with --quick."""


def machine() -> list[str]:
    """What was measured on."""
    sets = ", ".join(instruction_sets()) or "none worth naming"
    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return [
        f"- Processor: {processor_name()}, {cores()} cores; {sets}",
        f"- Memory: {memory().total / 2**30:.1f} GiB",
        f"- Versions: {versions}",
        f"- Load average at the start (1, 5 and 15 minutes): {load}",
    ]


def measured(name: str, bench: Bench) -> list[Row]:
    """The lines of a measurement; one that says why, where it fails or no time is left."""
    measure, needs = MEASURES[name]
    if bench.left < needs:
        return [failed_row(name, f"no time left for it; run python -m benchmarks --only {name}")]
    print(f"{name} ...", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        return measure(bench)
    except (BenchError, OSError, ValueError, ArithmeticError, LookupError) as error:
        return [failed_row(name, f"{type(error).__name__}: {error}")]
    finally:
        print(f"{name} took {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def section(name: str, bench: Bench) -> str:
    """A table of another module under its title, or why there is none."""
    title, (program, *arguments), needs = SECTIONS[name]
    try:
        if bench.left < needs:
            raise BenchError(f"no time left for it; run python -m {program}")
        body = module(program, *(QUICK.get(name, arguments) if bench.quick else arguments)).output.strip()
    except BenchError as error:
        body = f"Not measured: {error}."
    return f"## {title}\n\n{body}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that everything runs, not how fast")
    parser.add_argument("--only", choices=[*MEASURES, *SECTIONS], action="append", help="this alone; may be repeated")
    parser.add_argument("--baselines", type=Path, default=BASELINES, help="folder of other scripts of the same names")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="start nothing that would end later")
    given = parser.parse_args()
    if given.baselines != BASELINES:  # ours find a Java by themselves
        os.environ.setdefault("JAVA_HOME", str(java_home(find_java())))
    lines = machine()
    with tempfile.TemporaryDirectory(prefix="landuse-bench-") as scratch:
        bench = Bench(Path(scratch), given.quick, given.baselines.resolve(), time.monotonic() + 60 * given.minutes)
        chosen = given.only or [*MEASURES, *SECTIONS]
        rows = [row for name in MEASURES if name in chosen for row in measured(name, bench)]
        print("\n".join(lines), markdown(HEADER, [row.cells for row in rows]), sep="\n\n", flush=True)
        for name in SECTIONS:
            if name in chosen:
                print(f"\n{section(name, bench)}", flush=True)


if __name__ == "__main__":
    main()
