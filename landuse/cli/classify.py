"""`landuse classify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landuse.cli import options as shared

if TYPE_CHECKING:
    from landuse.stages.classify import ClassifyOptions


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="CHIPS_OR_SOURCE...")
@click.option(
    "--model", default="builtin", show_default=True, metavar="NAME_OR_FILE", help="A model file, or one that ships."
)
@shared.out_folder
@click.option(
    "--cell",
    type=click.FloatRange(0, min_open=True),
    default=None,
    metavar="METRES",
    help="Side of a cell of the map, such as 32: many cells a chip in one pass.  [default: the chip]",
)
@click.option(
    "--keep-features", is_flag=True, help="Keep features.parquet: classify DIR --model OTHER then runs a head alone."
)
@shared.lattice
@shared.area
@shared.imagery
@shared.master
@shared.inference
@shared.task_timeout
@shared.parts
@shared.fresh
@click.option("--dry-run", is_flag=True, help="Only say what would be done and what it would cost.")
def classify(sources: tuple[str, ...], out: Path, dry_run: bool, **choices: Any) -> int:  # noqa: ANN401
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
        return say_forecast(sources, out, classify_options(choices))
    _, record = run(sources, out, classify_options(choices))
    counts = record.counts
    click.echo(
        f"{counts['classified']:,} of {counted(counts['chips'], 'chip')} classified in "
        f"{record.timings['seconds']:.1f} s -> {out}"
    )
    for line in read_summary(out / "summary.csv"):
        if line.chips:
            click.echo(f"  {line.name:<14} {line.area_ha:>12,.1f} ha {line.share:>7.1%}")
    if THRESHOLDS in record.details:
        click.echo("  A chip can be of several classes, or of none, so these areas overlap.")
    if counts["quarantined"]:
        lost = counted(counts["quarantined"], "chip")
        click.echo(f"{lost} could not be read; {out / 'quarantine.csv'} says which and why.", err=True)
        return shared.QUARANTINED
    return 0


def say_forecast(sources: tuple[str, ...], out: Path, options: ClassifyOptions) -> int:
    """Print what a run would do and cost."""
    from landuse.stages.forecast import forecast

    for line in forecast(sources, out, options).lines():
        click.echo(line)
    return 0


def classify_options(choices: dict[str, Any]) -> ClassifyOptions:
    """The stage's options from the flags."""
    from landuse.cli.tile import tile_options
    from landuse.stages.classify import ClassifyOptions

    inference = ("model", "master", "runtime", "precision", "max_quarantined", "task_timeout_s")
    own = (*inference, "fresh", "parts", "cell", "keep_features")
    picked = {name: choices.pop(name) for name in own}
    return ClassifyOptions(tile=tile_options(choices), **picked)
