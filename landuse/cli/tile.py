"""`landuse tile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landuse.cli.from_schema import Sectioned, options, out_folder
from landuse.options.survey import TileOptions

if TYPE_CHECKING:
    from landuse.chips import ChipSet


@click.command(cls=Sectioned)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@out_folder
@options(TileOptions)
def tile(sources: tuple[str, ...], out: Path, options: TileOptions) -> None:
    """Chips of a survey: every raster given as a file, folder, glob, VSI or s3:// address, seen as one mosaic.

    Writes chips.parquet (GeoParquet: place, footprint, share with imagery, sources, and with --labels label, purity and
    shares) and run.json to DIR, and with --export images/LABEL/CHIP_ID.EXT; chips without a label go to images/chips.
    Only the writing of images runs on --master.
    """
    from landuse.stages.tile import tile as run
    from landuse.words import counted

    chips = run(sources, out, options)
    click.echo(f"{counted(len(chips), 'chip')} of {chips.grid.chip_m:g} m in {chips.grid.crs.name} -> {out}")
    for line in label_lines(chips):
        click.echo(line)


def label_lines(chips: ChipSet) -> list[str]:
    """A small table of chips a class; empty where the chips carry no labels."""
    from landuse.stages.tile import class_counts

    return [f"  {name:<30} {count:>12,} {count / len(chips):>7.1%}" for name, count in class_counts(chips).items()]
