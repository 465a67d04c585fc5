"""`landuse train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landuse.cli import options as shared


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Model file to write (.landuse)."
)
@click.option(
    "--backbone", default="builtin", show_default=True, metavar="NAME_OR_FILE", help="Network that makes the features."
)
@click.option("--weights", default=None, help="random, or the backbone's own where nothing is given.")
@click.option(
    "--legend", default=None, metavar="NAME_OR_FILE", help="Classes for class folders; their names otherwise."
)
@click.option(
    "--min-purity",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Least share of a chip under its label.",
)
@click.option(
    "--holdout",
    type=click.FloatRange(0, 0.5),
    default=0.2,
    show_default=True,
    help="Share of the samples held back to calibrate and to measure.",
)
@click.option(
    "--regularisation",
    type=click.FloatRange(0, min_open=True),
    default=0.01,
    show_default=True,
    help="Inverse strength of the head's penalty: smaller is smoother.",
)
@click.option("--balance/--no-balance", default=True, show_default=True, help="Every class weighs the same.")
@shared.master
@shared.seed
@click.option("--fresh", is_flag=True, help="Replace an existing model file.")
def train(data: tuple[Path, ...], out: Path, **choices: Any) -> None:  # noqa: ANN401
    """A model from DATA: folders of labelled chips (landuse tile --labels), or one folder of class folders of images.

    The backbone stays as it is; a multinomial logistic head learns the classes, is calibrated and measured on squares of
    land that it has not seen, and is written with the backbone to one file.
    """
    from landuse.train import TrainOptions
    from landuse.train import train as run

    bundle = run(data, out, TrainOptions(**choices))
    training, figures = bundle.training, bundle.metrics
    click.echo(f"{training['samples']:,} samples of {len(bundle.legend)} classes -> {out}")
    if figures:
        click.echo(f"On {training['held_out']:,} samples held back: accuracy {figures['accuracy']:.3f}.")
