"""What a county takes on this machine with the model that ships: from JPEG orthophotos to a map."""

from __future__ import annotations

import json
import statistics

from benchmarks.arithmetic import Arithmetic
from benchmarks.bench import Bench, in_turns
from benchmarks.commands import module, python
from benchmarks.cost import PLACES, Assumptions, cost
from benchmarks.rows import Asked, Row, ratio_row

MODEL = "builtin"
SMALL = (8, 8)
LARGE, QUICK = (24, 24), (9, 9)
LOOP_CHIPS = 64
GIGA = 1e9


def county(bench: Bench) -> list[Row]:
    """The steady rate of `classify` on a part of a county, against the loop with Keras ResNet50, and what limits it."""
    large = QUICK if bench.quick else LARGE
    mosaic = bench.mosaic(*large)
    script, count = bench.baselines / "baseline_loop.py", "32" if bench.quick else str(LOOP_CHIPS)
    rates = in_turns(
        {
            "ours": bench.steady(SMALL, large, "--master", "inline", "--model", MODEL),
            "loop": lambda: python(script, mosaic, "--chips", count).rate,
        },
        bench.turns,
    )
    name = f"{MODEL}, JPEG orthophotos to map, against the loop with Keras ResNet50, float32"
    ours = statistics.median(rates["ours"])
    return [ratio_row(name, rates["ours"], rates["loop"], Asked(10)), _scaled(large, ours), _reached(bench)]


def _scaled(measured: tuple[int, int], rate: float) -> Row:
    """The time of a whole county at the rate of a part of it."""
    chips = cost(PLACES[0], Assumptions(rate)).chips
    part = measured[0] * measured[1]
    return Row(
        f"a county of {chips:,} chips, scaled from {part:,}", f"{chips / rate / 60:.1f} min", "", "", "nothing", ""
    )


def _reached(bench: Bench) -> Row:
    """Billions of multiply-adds a second of the network alone, beside the processor's peak."""
    ran = module("benchmarks.arithmetic", MODEL, "--seconds", str(bench.seconds / 1.5))
    found = Arithmetic(**json.loads(ran.output.splitlines()[-1]))
    return Row(
        f"{MODEL} alone: {found.chips:.1f} chips/s of {found.multiply_adds / GIGA:.2f} G multiply-adds",
        f"{found.reached / GIGA:.1f} G/s",
        f"{found.peak / GIGA:.1f} G/s (peak)",
        f"{found.reached / found.peak:.2f}",
        "nothing",
        "",
    )
