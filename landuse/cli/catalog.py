"""`landuse catalog`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, options, out_folder
from landuse.options.results import CatalogOptions


@click.command(cls=Sectioned, epilog="landuse catalog landuse_2014 landuse_2020 change --out stac")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@out_folder
@options(CatalogOptions)
def catalog(folders: tuple[Path, ...], out: Path, options: CatalogOptions) -> None:
    """A static STAC catalog of the results in DIR..., which landuse classify and landuse diff wrote: DIR/catalog.json.

    It links to the item.json of each folder by relative paths, so that folders and catalog can be moved or served together.
    """
    from landuse.outputs.stac import write_catalog

    path = write_catalog(folders, out, options.title or "", fresh=options.fresh)
    click.echo(f"{path}: {len(folders)} result{'' if len(folders) == 1 else 's'}.")
