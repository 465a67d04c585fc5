"""`landuse demo`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, options
from landuse.options.results import DemoOptions


@click.command(cls=Sectioned, epilog="landuse demo --out demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder to write.",
)
@options(DemoOptions)
def demo(out: Path, options: DemoOptions) -> None:
    """The whole job on the sample data: two survey years to a map of what changed, measured against the truth."""
    from landuse.stages.demo import demo as run
    from landuse.text import counted

    report = run(out, options, click.echo)
    for year, share in report.accuracy.items():
        click.echo(f"accuracy   {share:.1%} of the chips of {year} have their true class")
    scores = report.change
    click.echo(
        f"change     {counted(scores.flagged, 'chip')} flagged, {scores.hits} of them truly changed "
        f"(precision {show(scores.precision)}); {counted(scores.true, 'chip')} truly changed (recall {show(scores.recall)})"
    )
    click.echo(f"labels     comparing labels alone would have flagged {counted(report.label_differences, 'chip')}")
    click.echo(f"done in {report.seconds:.0f} s; the map: {report.page.resolve()}")


def show(share: float | None) -> str:
    """A share in per cent, or the word for one that is not defined."""
    return "undefined" if share is None else f"{share:.0%}"
