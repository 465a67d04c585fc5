"""`landuse classify`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landuse.cli.from_schema import QUARANTINED, Sectioned, json_flag, options, out_folder, print_json
from landuse.options.survey import ClassifyOptions

if TYPE_CHECKING:
    from landuse.outputs.record import RunRecord
    from landuse.outputs.summary import ClassArea


EXAMPLE = """
landuse classify survey_2014 --model county.landuse --out landuse_2014
landuse classify chips_2020 --model county.landuse --out landuse_2020 --dry-run
landuse classify chips_2020 --model county.landuse --out landuse_2020
"""


@click.command(cls=Sectioned, epilog=EXAMPLE)
@click.argument("sources", nargs=-1, required=True, metavar="CHIPS_OR_SOURCE...")
@out_folder
@options(ClassifyOptions)
@click.option("--dry-run", is_flag=True, help="Only say what would be done and what it would cost.")
@json_flag
def classify(sources: tuple[str, ...], out: Path, options: ClassifyOptions, dry_run: bool, as_json: bool) -> int:
    """A land-use map of CHIPS (a folder of tile) or of one survey's rasters: files, folders, globs, VSI or s3:// addresses.

    Writes landuse.tif, probabilities.tif, landuse.geojson, chips.parquet, summary.csv, quarantine.csv and run.json to DIR;
    a model of several labels writes no landuse.tif, and its areas overlap.
    The same command after an interruption goes on where it stopped.
    """
    if dry_run:
        from landuse.stages.forecast import forecast

        expected = forecast(sources, out, options)
        if as_json:
            print_json(expected.as_dict())
        else:
            click.echo("\n".join(expected.lines()))
        return 0
    from landuse.outputs.summary import read_summary
    from landuse.stages.classify import classify as run
    from landuse.text import counted

    _, record = run(sources, out, options)
    areas = read_summary(out / "summary.csv")
    if as_json:
        print_json({"out": out, **record.counts, **record.timings, **record.details, "areas": areas})
    else:
        _tell(record, areas, out)
    if lost := record.counts["quarantined"]:
        sentence = f"{counted(lost, 'chip')} could not be read; {out / 'quarantine.csv'} says which and why."
        click.echo(sentence, err=True)
        return QUARANTINED
    return 0


def _tell(record: RunRecord, areas: Sequence[ClassArea], out: Path) -> None:
    from landuse.outputs.record import THRESHOLDS
    from landuse.text import counted

    chips, took = record.counts, record.timings["seconds"]
    click.echo(
        f"{chips['classified']:,} of {counted(chips['chips'], 'chip')} classified in {took:.1f} s "
        f"by model {record.details['model']} -> {out}"
    )
    click.echo(record.details["colours"]["why"])
    for line in areas:
        if line.chips:
            click.echo(f"  {line.name:<14} {line.area_ha:>12,.1f} ha {line.share:>7.1%}")
    if THRESHOLDS in record.details:
        click.echo("  A chip can be of several classes, or of none, so these areas overlap.")
