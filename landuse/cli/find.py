"""`landuse find`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, json_flag, options, out_folder, print_json
from landuse.engine.progress import busy
from landuse.options.results import FindOptions

SHOWN = 5


@click.command(cls=Sectioned, epilog="landuse find landuse_2014 r20898c1305 --out like_this")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("chip_id")
@out_folder
@options(FindOptions)
@json_flag
def find(folder: Path, chip_id: str, out: Path, options: FindOptions, as_json: bool) -> None:
    """What looks like chip CHIP_ID in FOLDER, or changed like it.

    FOLDER is of landuse classify, or of landuse diff: then the confirmed sites are searched, each by the chip most like it.

    Writes similar.html (pictures), similar.gpkg and similar.csv to DIR. Chips are compared by the features that classify
    --keep-features kept, and without those by the probabilities of their classes.
    """
    from landuse.likeness.sheet import BY_CLASS, figures, sentence
    from landuse.stages.pages import find as run
    from landuse.text import counted

    with busy("looking for what is alike"):
        found = run(folder, chip_id, out, options)
    if as_json:
        return print_json(figures(found))
    click.echo(f"{counted(len(found.finds) - 1, 'chip' if len(found.maps) == 1 else 'site')} -> {out / 'similar.html'}")
    for one in found.finds[1 : SHOWN + 1]:
        click.echo(sentence(one))
    if not found.features:
        click.echo(f"  {BY_CLASS}")
