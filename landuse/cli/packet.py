"""`landuse packet`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, options
from landuse.options.results import PacketOptions


@click.command(cls=Sectioned, epilog="landuse packet change --out change.zip")
@click.argument("change", metavar="DIFF", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Zip file to write.")
@options(PacketOptions)
def packet(change: Path, out: Path, options: PacketOptions) -> None:
    """DIFF with all that belongs to it in one zip: rasters, polygons with styles, tables, report, map page, STAC, README.txt.

    The two maps are in it where they still lie where they were compared. No file names a folder of this machine.
    """
    from landuse.stages.pages import packet as run

    names = run(change, out, options)
    click.echo(f"{out}: {len(names)} files, {out.stat().st_size / 1e6:,.1f} MB; README.txt in it says what each is.")
