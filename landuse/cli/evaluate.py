"""`landuse evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import QUARANTINED, Sectioned, json_flag, options, out_folder, print_json
from landuse.options.results import EvaluateOptions


@click.command(cls=Sectioned, epilog="landuse evaluate county.landuse chips_2014 --out scores")
@click.argument("inputs", nargs=-1, required=True, metavar="PREDICTIONS.csv | MODEL DATA")
@out_folder
@options(EvaluateOptions)
@json_flag
def evaluate(inputs: tuple[str, ...], out: Path, options: EvaluateOptions, as_json: bool) -> int:
    """How good a table of predictions is (columns label, prediction[, p_<class>...]), or a MODEL on labelled DATA.

    DATA is a folder of labelled chips (landuse tile --labels), one of class folders with images or of annotations, or a
    table with the columns path or chip_id, and label or labels. Writes metrics.json, confusion.csv, report.txt,
    confusion.png, extra.json and run.json to DIR; with probabilities also curves and reliability, for chips and images the
    worst errors. See docs/evaluation.md.
    """
    from landuse.stages.evaluate import evaluate as run

    found = run(inputs, out, options)
    if as_json:
        print_json({"out": out, "skipped": found.skipped, **found.metrics.as_dict()})
    else:
        click.echo(found.report, nl=False)
        click.echo(f"-> {out}")
    if found.skipped:
        click.echo(f"{len(found.skipped):,} left out, first {found.skipped[0]}", err=True)
        return QUARANTINED
    return 0
