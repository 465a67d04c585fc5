"""`landuse tile`, `classify` and `doctor`: commands on the rasters of a survey."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landuse.cli.from_schema import QUARANTINED, Sectioned, json_flag, options, out_folder, print_json
from landuse.options.survey import ClassifyOptions, SurveyOptions, TileOptions
from landuse.text import counted

if TYPE_CHECKING:
    from landuse.engine.checkup import Finding
    from landuse.outputs.categories import ClassArea
    from landuse.outputs.record import RunRecord


TILE_EXAMPLE = """
landuse tile survey_2014 --labels landcover.tif --legend landuse7 --out chips_2014
landuse tile survey_2020 --like chips_2014 --out chips_2020
"""


@click.command(cls=Sectioned, epilog=TILE_EXAMPLE)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@out_folder
@options(TileOptions)
@json_flag
def tile(sources: tuple[str, ...], out: Path, options: TileOptions, as_json: bool) -> None:
    """Chips of a survey: every raster given as a file, folder, glob, VSI or s3:// address, seen as one mosaic.

    Writes chips.parquet (GeoParquet: place, footprint, share with imagery, sources, and with --labels label, purity and
    shares) and run.json to DIR, and with --export images/LABEL/CHIP_ID.EXT; chips without a label go to images/chips.
    Only the writing of images runs on --master.
    """
    from landuse.stages.tile import class_counts
    from landuse.stages.tile import tile as run

    chips = run(sources, out, options)
    if as_json:
        print_json({"out": out, "chips": len(chips), "grid": chips.grid.as_dict(), "classes": class_counts(chips)})
        return
    click.echo(f"{counted(len(chips), 'chip')} of {chips.grid.chip_m:g} m in {chips.grid.crs.name} -> {out}")
    for name, count in class_counts(chips).items():
        click.echo(f"  {name:<30} {count:>12,} {count / len(chips):>7.1%}")


CLASSIFY_EXAMPLE = """
landuse classify survey_2014 --model county.landuse --out landuse_2014
landuse classify chips_2020 --model county.landuse --out landuse_2020 --dry-run
landuse classify chips_2020 --model county.landuse --out landuse_2020
"""


@click.command(cls=Sectioned, epilog=CLASSIFY_EXAMPLE)
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
    from landuse.outputs.categories import read_summary
    from landuse.stages.classify import classify as run

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


class TwoSurveys(Sectioned):
    """A command that takes all words up to the next flag for the second survey: a shell makes many of ``--and 2020/*.tif``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat ``--and`` before each word after it."""
        given: list[str] = []
        second = False
        for word in args:
            if word.startswith("-"):
                second = word == "--and"
            elif second and given[-1] != "--and":
                given.append("--and")
            given.append(word)
        return super().parse_args(ctx, given)


@click.command(cls=TwoSurveys, epilog="landuse doctor survey_2014 --and survey_2020")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--and", "others", multiple=True, metavar="SOURCE...", help="Rasters of another year to be compared with the first."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@options(SurveyOptions)
def doctor(sources: tuple[str, ...], others: tuple[str, ...], as_json: bool, options: SurveyOptions) -> int:
    """What would make a map of the SOURCEs wrong, slow or large, before it is made; without any, what this machine has.

    Looks at files that are damaged, at bands, alpha, collars, nodata, pixels, overlaps, the lattice, and at what a map would
    cost; with --and also at whether the two surveys can be compared. Leaves with 1 if a map would be wrong, or if landuse
    cannot run here, else with 0.
    """
    from landuse.engine.checkup import check_up
    from landuse.errors import UsageError
    from landuse.stages.doctor import examine

    if others and not sources:
        raise UsageError("--and names the rasters of a second survey; give those of the first before it.")
    findings = examine(sources, others, options) if sources else check_up()
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        _print(findings)
    return 1 if any(finding.stops for finding in findings) else 0


def _print(findings: Sequence[Finding]) -> None:
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        click.echo(f"{finding.grade:<5} {finding.what:<{width}}  {finding.has}")
        if finding.mend:
            click.echo(f"{'':<5} {'':<{width}}  -> {finding.mend}")
