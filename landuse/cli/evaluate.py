"""`landuse evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import QUARANTINED, Sectioned, options, out_folder
from landuse.options.results import EvaluateOptions


@click.command(cls=Sectioned)
@click.argument("inputs", nargs=-1, required=True, metavar="PREDICTIONS.csv | MODEL DATA")
@out_folder
@options(EvaluateOptions)
def evaluate(inputs: tuple[str, ...], out: Path, options: EvaluateOptions) -> int:
    """How good a table of predictions is (columns label, prediction[, p_<class>...]), or a MODEL on labelled DATA.

    DATA is a folder of labelled chips (landuse tile --labels), one of class folders with images or of annotations, or a
    table with the columns path or chip_id, and label or labels. Writes metrics.json, confusion.csv, report.txt,
    confusion.png, extra.json and run.json to DIR; with probabilities also curves and reliability, for chips and images the
    worst errors. See docs/evaluation.md.
    """
    from landuse.stages.evaluate import evaluate as run

    found = run(inputs, out, options)
    click.echo(found.report, nl=False)
    click.echo(f"-> {out}")
    if found.skipped:
        click.echo(f"{len(found.skipped):,} left out, first {found.skipped[0]}", err=True)
        return QUARANTINED
    return 0
