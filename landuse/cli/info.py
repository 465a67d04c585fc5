"""`landuse info`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, json_flag, print_json

EXAMPLE = """
landuse info landuse_2020
landuse info county.landuse --json
"""


@click.command(cls=Sectioned, epilog=EXAMPLE)
@click.argument("path", type=click.Path(path_type=Path))
@json_flag
def info(path: Path, as_json: bool) -> int:
    """What PATH is (a result folder, a model file, a raster), where it came from, and whether it is whole.

    Leaves with status 1 where a file of a result is missing or was changed since.
    """
    from landuse.stages.info import info as describe

    found = describe(path)
    if as_json:
        print_json({"path": path, "whole": found.whole, **found.facts})
    else:
        width = max(len(label) for label, _ in found.lines)
        for label, value in found.lines:
            click.echo(f"{label:<{width}}  {value}")
    if found.whole:
        return 0
    click.echo(
        f"{path} is not whole: the files named above are missing or were changed after they were written.", err=True
    )
    return 1
