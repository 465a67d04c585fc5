"""`landuse models`."""

from __future__ import annotations

import click

from landuse.cli.from_schema import Sectioned, json_flag, print_json

EXAMPLE = """
landuse models
landuse models builtin
"""


@click.command(cls=Sectioned, epilog=EXAMPLE)
@click.argument("model", required=False, metavar="[NAME_OR_FILE]")
@json_flag
def models(model: str | None, as_json: bool) -> None:
    """What models ship and which backbones can be had; with NAME_OR_FILE, the card of one model.

    Only descriptions are read, so it answers at once; a model's weights are checked when they are loaded.
    """
    from landuse.stages.catalogue import (
        backbone_rows,
        backbones,
        describe_model,
        model_lines,
        printable,
        shipped_models,
    )

    if model is not None:
        entry = describe_model(model)
        if as_json:
            print_json(entry)
            return
        _echo_lines(model_lines(entry))
        click.echo(f"\n{printable(entry.card).strip()}")
        return
    if as_json:
        print_json({"models": shipped_models(), "backbones": backbones()})
        return
    for entry in shipped_models():
        click.echo(f"{entry.name} (ships: --model {entry.name})")
        _echo_lines(model_lines(entry), "  ")
        click.echo()
    rows = backbone_rows(backbones())
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(w) if 0 < i < 3 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
    click.echo("\nTrain a head on one of them with landuse train DATA --backbone NAME --out MODEL.landuse.")


def _echo_lines(lines: list[tuple[str, str]], indent: str = "") -> None:
    from landuse.stages.catalogue import printable

    width = max(len(label) for label, _ in lines)
    for label, value in lines:
        click.echo(f"{indent}{printable(label):<{width}}  {printable(value)}".rstrip())
