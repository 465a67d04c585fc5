"""`landuse evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landuse.cli import options as shared

QUARANTINED = 3


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="PREDICTIONS.csv | MODEL DATA")
@shared.out_folder
@shared.master
@click.option(
    "--runtime",
    type=click.Choice(["openvino", "tensorflow"]),
    default="openvino",
    show_default=True,
    help="What runs the network.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "f32", "bf16"]),
    default="auto",
    show_default=True,
    help="Arithmetic of the network; auto takes bf16 where the processor has it.",
)
@click.option(
    "--max-quarantined",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Largest share of chips that may fail before the run does.",
)
@shared.fresh
def evaluate(inputs: tuple[str, ...], out: Path, **choices: Any) -> int:  # noqa: ANN401
    """How good a table of predictions is (columns label, prediction[, p_<class>...]), or a MODEL on labelled DATA.

    DATA is a folder of labelled chips (landuse tile --labels) or one of class folders with images. Writes metrics.json,
    confusion.csv, report.txt, confusion.png and run.json to DIR; for chips also errors.geojson.
    """
    from landuse.accuracy.report import report_text
    from landuse.evaluate import EvaluateOptions
    from landuse.evaluate import evaluate as run

    found = run(inputs, out, EvaluateOptions(**choices))
    click.echo(report_text(found.metrics), nl=False)
    click.echo(f"-> {out}")
    if found.skipped:
        click.echo(f"{len(found.skipped):,} could not be read, first {found.skipped[0]}", err=True)
        return QUARANTINED
    return 0
