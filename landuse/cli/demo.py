"""`landuse demo`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli import options as shared


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder to write.",
)
@click.option("--data", type=click.Path(path_type=Path), default=None, help="Another made landscape.")
@shared.master
@shared.fresh
def demo(out: Path, data: Path | None, master: str, fresh: bool) -> None:
    """The whole job on the sample data: two survey years to a map of what changed, measured against the truth."""
    from landuse.stages.demo import DemoOptions
    from landuse.stages.demo import demo as run
    from landuse.words import counted

    report = run(out, DemoOptions(master, data, fresh), click.echo)
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
