"""`landuse quantise`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, json_flag, options, out_model, print_json
from landuse.options.results import QuantiseOptions


@click.command(cls=Sectioned, epilog="landuse quantise county.landuse chips_2014 --out small.landuse")
@click.argument("model", metavar="MODEL")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_model
@options(QuantiseOptions)
@json_flag
def quantise(model: str, data: tuple[Path, ...], out: Path, options: QuantiseOptions, as_json: bool) -> None:
    """MODEL with what classify --precision int8 needs, measured on the chips of DATA (folders of landuse tile).

    The model is only written if it gives 99 % of the held-back chips the same label in 8 bits as before.
    """
    from landuse.stages.models import quantise as run

    found = run(model, data, out, options)
    if as_json:
        print_json({"out": out, "agreement": found.agreement, "held_back": found.held_back, "against": found.against})
        return
    click.echo(f"{found.agreement:.2%} of {found.held_back:,} held-back chips keep their label in 8 bits -> {out}")
