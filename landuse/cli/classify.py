"""`landuse classify`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import QUARANTINED, Sectioned, options, out_folder
from landuse.options.survey import ClassifyOptions


@click.command(cls=Sectioned)
@click.argument("sources", nargs=-1, required=True, metavar="CHIPS_OR_SOURCE...")
@out_folder
@options(ClassifyOptions)
@click.option("--dry-run", is_flag=True, help="Only say what would be done and what it would cost.")
def classify(sources: tuple[str, ...], out: Path, options: ClassifyOptions, dry_run: bool) -> int:
    """A land-use map of CHIPS (a folder of tile) or of one survey's rasters: files, folders, globs, VSI or s3:// addresses.

    Writes landuse.tif, probabilities.tif, landuse.geojson, chips.parquet, summary.csv, quarantine.csv and run.json to DIR;
    a model of several labels writes no landuse.tif, and its areas overlap.
    The same command after an interruption goes on where it stopped.
    """
    from landuse.outputs.record import THRESHOLDS
    from landuse.outputs.summary import read_summary
    from landuse.stages.classify import classify as run
    from landuse.words import counted

    if dry_run:
        return say_forecast(sources, out, options)
    _, record = run(sources, out, options)
    counts = record.counts
    click.echo(
        f"{counts['classified']:,} of {counted(counts['chips'], 'chip')} classified in "
        f"{record.timings['seconds']:.1f} s by model {record.details['model']} -> {out}"
    )
    click.echo(record.details["colours"]["why"])
    for line in read_summary(out / "summary.csv"):
        if line.chips:
            click.echo(f"  {line.name:<14} {line.area_ha:>12,.1f} ha {line.share:>7.1%}")
    if THRESHOLDS in record.details:
        click.echo("  A chip can be of several classes, or of none, so these areas overlap.")
    if counts["quarantined"]:
        lost = counted(counts["quarantined"], "chip")
        click.echo(f"{lost} could not be read; {out / 'quarantine.csv'} says which and why.", err=True)
        return QUARANTINED
    return 0


def say_forecast(sources: tuple[str, ...], out: Path, options: ClassifyOptions) -> int:
    """Print what a run would do and cost."""
    from landuse.stages.forecast import forecast

    for line in forecast(sources, out, options).lines():
        click.echo(line)
    return 0
