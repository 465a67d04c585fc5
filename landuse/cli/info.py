"""`landuse info`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
def info(path: Path) -> int:
    """What PATH is (a result folder, a model file, a raster), where it came from, and whether it is whole.

    Leaves with status 1 where a file of a result is missing or was changed since.
    """
    from landuse.stages.info import info as describe

    description = describe(path)
    width = max(len(label) for label, _ in description.lines)
    for label, value in description.lines:
        click.echo(f"{label:<{width}}  {value}")
    if description.whole:
        return 0
    click.echo(
        f"{path} is not whole: the files named above are missing or were changed after they were written.", err=True
    )
    return 1
