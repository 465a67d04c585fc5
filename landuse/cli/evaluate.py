"""`landuse evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landuse.cli import options as shared


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="PREDICTIONS.csv | MODEL DATA")
@shared.out_folder
@shared.master
@shared.inference
@shared.parts
@click.option(
    "--multi-label/--single-label",
    default=None,
    help="Whether a cell of a table holds several labels, as in 'Forest;Water'; else it is looked at.",
)
@click.option(
    "--threshold",
    multiple=True,
    metavar="[CLASS=]F",
    help="Probability from which a class of several counts as predicted (0.5); for one class or for all.",
)
@click.option("--group-by", metavar="COLUMN", help="Column whose equal values belong together, such as a county.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that the paths of a table of images are relative to (its own).",
)
@click.option("--regroup", metavar="LEGEND", help="Give the figures in these coarser classes too, such as groups3.")
@click.option("--legend", metavar="LEGEND", help="Legend of a table's classes, for --regroup.")
@click.option(
    "--bootstrap",
    type=click.IntRange(0, 100_000),
    default=0,
    show_default=True,
    metavar="N",
    help="Resamples for 95 % confidence intervals; rows of a group, or chips of a block, are drawn together.",
)
@shared.seed
@shared.fresh
def evaluate(inputs: tuple[str, ...], out: Path, **choices: Any) -> int:  # noqa: ANN401
    """How good a table of predictions is (columns label, prediction[, p_<class>...]), or a MODEL on labelled DATA.

    DATA is a folder of labelled chips (landuse tile --labels), one of class folders with images or of annotations, or a
    table with the columns path or chip_id, and label or labels. Writes metrics.json, confusion.csv, report.txt,
    confusion.png, extra.json and run.json to DIR; with probabilities also curves and reliability, for chips and images the
    worst errors. See docs/evaluation.md.
    """
    from landuse.stages.evaluate import EvaluateOptions
    from landuse.stages.evaluate import evaluate as run

    found = run(inputs, out, EvaluateOptions(thresholds=choices.pop("threshold"), **choices))
    click.echo(found.report, nl=False)
    click.echo(f"-> {out}")
    if found.skipped:
        click.echo(f"{len(found.skipped):,} left out, first {found.skipped[0]}", err=True)
        return shared.QUARANTINED
    return 0
