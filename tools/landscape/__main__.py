"""`python -m tools.landscape`: make a landscape of any size, with two survey years and their truth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from landuse.engine.progress import progress_on
from tools.landscape import LandscapeSpec, make_landscape
from tools.landscape.spec import Difficulty


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write; new or empty.")
@click.option("--size", default=30, show_default=True, metavar="CHIPS", help="Chips of 224 m along a side (4 to 2000).")
@click.option("--seed", default=0, show_default=True, metavar="N", help="The same seed gives the same landscape.")
@click.option(
    "--pixel", default=1.0, show_default=True, metavar="M", help="Ground side of a pixel in metres (0.3 to 4)."
)
@click.option(
    "--difficulty", type=click.Choice(get_args(Difficulty)), default="easy", show_default=True,
    help="Hard: fields turn, floods come and go, flights differ, two metres of misregistration.",
)  # fmt: skip
def landscape(out: Path, size: int, seed: int, pixel: float, difficulty: Difficulty) -> None:
    """Make a landscape: two survey years, labels of the first, and the truth of both."""
    with progress_on(sys.stderr):
        make_landscape(out, LandscapeSpec(chips=size, seed=seed, pixel=pixel, difficulty=difficulty))
    click.echo(f"{out}: {size} x {size} chips in two years, with labels and truth.")


if __name__ == "__main__":
    landscape()
