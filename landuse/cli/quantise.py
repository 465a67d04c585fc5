"""`landuse quantise`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landuse.cli import options as shared


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Model file to write (.landuse)."
)
@click.option(
    "--chips", type=click.IntRange(10), default=256, show_default=True, help="Chips that ranges are measured on."
)
@click.option(
    "--held-back", type=click.IntRange(10), default=1000, show_default=True, help="Other chips, to compare labels on."
)
@shared.seed
@click.option("--fresh", is_flag=True, help="Replace an existing model file.")
def quantise(model: str, data: tuple[Path, ...], out: Path, **choices: Any) -> None:  # noqa: ANN401
    """MODEL with what classify --precision int8 needs, measured on the chips of DATA (folders of landuse tile).

    The model is only written if it gives 99 % of the held-back chips the same label in 8 bits as before.
    """
    from landuse.stages.quantise import QuantiseOptions
    from landuse.stages.quantise import quantise as run

    found = run(model, data, out, QuantiseOptions(**choices))
    click.echo(f"{found.agreement:.2%} of {found.held_back:,} held-back chips keep their label in 8 bits -> {out}")
