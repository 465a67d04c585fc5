"""`landuse report`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, options
from landuse.options.results import ReportOptions


@click.command(cls=Sectioned, epilog="landuse report change --out report.html")
@click.argument("change", metavar="DIFF", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="HTML file to write.")
@options(ReportOptions)
def report(change: Path, out: Path, options: ReportOptions) -> None:
    """Two pages to forward of DIFF, a folder of landuse diff: what changed, where, how surely, and what limits the answer.

    The HTML holds everything and fetches nothing. Maps and imagery are shown where they still lie where they were compared.
    """
    from landuse.stages.pages import report as run

    run(change, out, options)
    click.echo(f"{out}: open it in a browser, or forward it.")
    if options.pdf is not None:
        click.echo(f"{options.pdf}: the same, for paper.")
