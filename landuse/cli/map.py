"""`landuse map`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, options
from landuse.options.results import PageOptions


@click.command(cls=Sectioned, epilog="landuse map landuse_2014 landuse_2020 change --out map.html")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="HTML file to write.")
@options(PageOptions)
def map(folders: tuple[Path, ...], out: Path, options: PageOptions) -> None:
    """One HTML page of every land-use map and every change in DIR..., for planners; it works without a network.

    DIR are folders that landuse classify and landuse diff wrote. A page that landuse wrote is replaced; any other file is not.
    """
    from landuse.stages.pages import map as run

    run(folders, out, options)
    click.echo(f"{out}: open it in a browser.")
