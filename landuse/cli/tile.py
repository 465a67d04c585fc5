"""`landuse tile`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, json_flag, options, out_folder, print_json
from landuse.options.survey import TileOptions

EXAMPLE = """
landuse tile survey_2014 --labels landcover.tif --legend landuse7 --out chips_2014
landuse tile survey_2020 --like chips_2014 --out chips_2020
"""


@click.command(cls=Sectioned, epilog=EXAMPLE)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@out_folder
@options(TileOptions)
@json_flag
def tile(sources: tuple[str, ...], out: Path, options: TileOptions, as_json: bool) -> None:
    """Chips of a survey: every raster given as a file, folder, glob, VSI or s3:// address, seen as one mosaic.

    Writes chips.parquet (GeoParquet: place, footprint, share with imagery, sources, and with --labels label, purity and
    shares) and run.json to DIR, and with --export images/LABEL/CHIP_ID.EXT; chips without a label go to images/chips.
    Only the writing of images runs on --master.
    """
    from landuse.stages.tile import class_counts
    from landuse.stages.tile import tile as run
    from landuse.text import counted

    chips = run(sources, out, options)
    if as_json:
        print_json({"out": out, "chips": len(chips), "grid": chips.grid.as_dict(), "classes": class_counts(chips)})
        return
    click.echo(f"{counted(len(chips), 'chip')} of {chips.grid.chip_m:g} m in {chips.grid.crs.name} -> {out}")
    for name, count in class_counts(chips).items():
        click.echo(f"  {name:<30} {count:>12,} {count / len(chips):>7.1%}")
