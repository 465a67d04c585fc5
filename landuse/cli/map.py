"""`landuse map`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="HTML file to write.")
@click.option("--title", default=None, help="Heading of the page (default: made of the years).")
@click.option("--fresh", is_flag=True, help="Replace FILE even where landuse did not write it.")
def map(folders: tuple[Path, ...], out: Path, title: str | None, fresh: bool) -> None:
    """One HTML page of every land-use map and every change in DIR..., for planners; it works without a network.

    DIR are folders that landuse classify and landuse diff wrote. A page that landuse wrote is replaced; any other file is not.
    """
    from landuse.outputs.page import check_replaceable, write_map

    check_replaceable(out, fresh=fresh)
    write_map(folders, out, title=title)
    click.echo(f"{out}: open it in a browser.")
