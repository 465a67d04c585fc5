"""The measurements of the Speed table. Each takes a `Bench` and returns lines."""

from __future__ import annotations

import statistics

from benchmarks.bench import Bench, in_turns
from benchmarks.commands import landuse, module, python
from benchmarks.imagery import write_sparse_survey
from benchmarks.rows import Asked, Row, ratio_row, value_row

SMALL = 4
LOOP_S = 3.0
BATCH = 32
GIB = 2**30
WORDS = {"f32": "float32", "bf16": "bfloat16"}


def throughput(bench: Bench) -> list[Row]:
    """`classify` in one process against the engine alone, the plain loop and Spark's documented way."""
    small, large = sizes(bench)
    mosaic = bench.mosaic(*large)
    count = str(min(large[0] * large[1], max(BATCH, round(LOOP_S * bench.guess / BATCH) * BATCH)))

    def baseline(name: str) -> float:
        return python(bench.baselines / name, mosaic, "--chips", count).rate

    ours = bench.steady(small, large, "--master", "inline")
    contestants = {
        "limit": bench.limit,
        "ours": ours,
        "loop": lambda: baseline("baseline_loop.py"),
        "udf": lambda: baseline("baseline_spark_udf.py"),
    }
    rates = in_turns(contestants, bench.turns)
    word = WORDS[bench.precision]
    return [
        ratio_row(f"classify inline, {word}, against the engine alone", rates["ours"], rates["limit"], Asked(0.9)),
        ratio_row("against the loop with Keras, float32", rates["ours"], rates["loop"], Asked(8, lacks=bench.lacks)),
        ratio_row("against predict_batch_udf, float32", rates["ours"], rates["udf"], Asked(14, lacks=bench.lacks)),
    ]


def workers(bench: Bench) -> list[Row]:
    """Two workers against one, and all workers against the engine. Blocks are equal and as many as workers."""
    rows = 2 if bench.quick else min(16, 1 + round(bench.seconds * bench.guess / 32))
    small, large = (1, 32), (rows, 32)
    masters = {count: f"local[{count}]" for count in ("1", "2")}
    contestants = {count: bench.steady(small, large, "--master", url) for count, url in masters.items()}
    contestants["limit"] = bench.limit
    rates = in_turns(contestants, bench.turns)
    return [
        ratio_row("2 workers against 1", rates["2"], rates["1"], Asked(1.8)),
        ratio_row("classify with 2 workers against the engine alone", rates["2"], rates["limit"], Asked(0.9)),
    ]


def fixed_cost(bench: Bench) -> list[Row]:
    """Seconds of a `classify` of 4 chips, all of it, by the clock on the wall."""
    source, rows = bench.mosaic(2, 2), []
    for master, bound, words in (("inline", 3.0, "inline"), ("local[*]", 12.0, "with Spark, JVM start included")):
        runs = [bench.classify(source, "--master", master).seconds for _ in range(1 if bench.quick else 3)]
        rows.append(
            value_row(f"classify of 4 chips, {words}", statistics.median(runs), Asked(bound, at_most=True), "s")
        )
    return rows


def tiling(bench: Bench) -> list[Row]:
    """`tile` of 1,000,000 chips over 400 source files."""
    sources, side = (16, 10) if bench.quick else (400, 50)
    folder = bench.folder / "survey"
    folder.mkdir()
    paths = write_sparse_survey(folder, sources, side)
    ran = landuse("tile", folder, "--collar", "keep", "--out", bench.folder / "tiled")
    name = f"tile of {len(paths) * side * side:,} chips over {sources} files"
    return [
        value_row(name, ran.seconds, Asked(30, at_most=True), "s"),
        value_row("its memory", ran.peak / GIB, Asked(1.5, at_most=True), "GiB"),
    ]


def int8(bench: Bench) -> list[Row]:
    """Post-training int8 against the precision of this machine, end to end."""
    model = bench.bundle(0, "--int8")
    small, large = sizes(bench)
    shared = ("--master", "inline", "--model", model)
    contestants = {
        precision: bench.steady(small, large, "--precision", precision, *shared)
        for precision in ("int8", bench.precision)
    }
    rates = in_turns(contestants, bench.turns)
    asked = Asked(1.4, lacks=bench.lacks)
    return [ratio_row(f"int8 against {WORDS[bench.precision]}", rates["int8"], rates[bench.precision], asked)]


def dense(bench: Bench) -> list[Row]:
    """The dense grid, 49 cells a chip, against one cell a chip; the ratio is one of times."""
    small, large = sizes(bench)
    contestants = {cell: bench.steady(small, large, "--master", "inline", "--cell", cell) for cell in ("32", "224")}
    rates = in_turns(contestants, bench.turns)
    times = {cell: [1000 / rate for rate in found] for cell, found in rates.items()}
    return [
        ratio_row("--cell 32 against --cell 224", times["32"], times["224"], Asked(1.4, at_most=True), unit="ms a chip")
    ]


def heads(bench: Bench) -> list[Row]:
    """A second head over kept features, against the pass over the imagery that kept them."""
    kept = []
    for rows, cols in sizes(bench):
        folder = bench.folder / f"kept_{rows}"
        words = ("--model", bench.model, "--out", folder, "--keep-features", "--master", "inline")
        ran = landuse("classify", bench.mosaic(rows, cols), *words)
        kept.append((rows * cols, ran.seconds, folder))
    first = bench.rate([(chips, seconds) for chips, seconds, _ in kept])
    folders = [folder for _, _, folder in kept]
    second = module("benchmarks.second_head", *folders, "--model", bench.bundle(1)).rate
    return [ratio_row("a second head over kept features, against the first pass", [second], [first], Asked(50))]


def sizes(bench: Bench) -> tuple[tuple[int, int], tuple[int, int]]:
    """A small and a large square mosaic, in chips."""
    side = SMALL + 1 if bench.quick else bench.side(bench.seconds)
    return (SMALL, SMALL), (side, side)
