"""`landuse tile`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landuse.cli import options as shared

if TYPE_CHECKING:
    from landuse.chips import ChipSet
    from landuse.stages.tile import TileOptions

FIELDS = {"chip_size": "chip_m", "chip_pixels": "chip_px"}
"""Flags whose name differs from that of the field they fill."""


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@shared.out_folder
@shared.lattice
@shared.area
@shared.imagery
@click.option("--labels", type=click.Path(path_type=Path), help="Label raster, or label polygons: FILE or FILE:LAYER.")
@click.option(
    "--legend", metavar="NAME_OR_FILE", help="Legend the labels are read with.  [default: the one that fits them]"
)
@click.option(
    "--label-rule",
    type=click.Choice(["nine-point", "majority", "centre"]),
    default="majority",
    show_default=True,
    help="How a chip gets its label: nine points that agree, the largest area share, or the centre.",
)
@click.option("--label-field", metavar="NAME", help="Attribute of the label polygons that holds the class.")
@click.option("--export", type=click.Choice(["png", "tif"]), help="Also write chip images, in a folder for each label.")
@shared.master
@shared.fresh
def tile(sources: tuple[str, ...], out: Path, **choices: Any) -> None:  # noqa: ANN401
    """Chips of a survey: every raster given as a file, folder, glob, VSI or s3:// address, seen as one mosaic.

    Writes chips.parquet (GeoParquet: place, footprint, share with imagery, sources, and with --labels label, purity and
    shares) and run.json to DIR, and with --export images/LABEL/CHIP_ID.EXT; chips without a label go to images/chips.
    Only the writing of images runs on --master.
    """
    from landuse.stages.tile import tile as run
    from landuse.words import counted

    chips = run(sources, out, tile_options(choices))
    click.echo(f"{counted(len(chips), 'chip')} of {chips.grid.chip_m:g} m in {chips.grid.crs.name} -> {out}")
    for line in label_lines(chips):
        click.echo(line)


def tile_options(choices: Mapping[str, Any]) -> TileOptions:
    """The stage's options from the flags of `tile` or of another command that cuts chips."""
    from landuse.stages.tile import TileOptions

    return TileOptions(**{FIELDS.get(name, name): value for name, value in choices.items()})


def label_lines(chips: ChipSet) -> list[str]:
    """A small table of chips a class; empty where the chips carry no labels."""
    from landuse.stages.tile import class_counts

    return [f"  {name:<30} {count:>12,} {count / len(chips):>7.1%}" for name, count in class_counts(chips).items()]
