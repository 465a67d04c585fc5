"""`landuse diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landuse.cli.from_schema import Sectioned, json_flag, options, out_folder, print_json
from landuse.engine.progress import busy
from landuse.options.results import DiffOptions


@click.command(cls=Sectioned, epilog="landuse diff landuse_2014 landuse_2020 --out change")
@click.argument("maps", nargs=-1, required=True, metavar="BEFORE AFTER [LATER...]", type=click.Path(path_type=Path))
@out_folder
@options(DiffOptions)
@json_flag
def diff(maps: tuple[Path, ...], out: Path, options: DiffOptions, as_json: bool) -> int:
    """What changed between maps of the same ground: folders of classify, or single-band class GeoTIFFs, oldest first.

    A cell counts as changed where the two maps name different classes and that very change, inferred from both maps'
    probabilities together, is likely enough. Writes change.tif, change_probability.tif, change.geojson, sites.csv (ranked),
    ranking.parquet (every cell, the likeliest change first), transitions.csv, summary.json and run.json to DIR; with three or
    more maps, also a folder for each step.
    """
    from landuse.stages.diff import diff as run
    from landuse.text import counted

    with busy("comparing maps"):
        summary = run(maps, out, options).summary
    if as_json:
        print_json({"out": out, **summary})
        return 0
    if isinstance(summary["classes"], dict):
        return say_several(summary, out)
    cells, area = summary["cells"], summary["area_ha"]
    click.echo(
        f"{counted(cells['compared'], 'cell')} compared between {summary['before']} and {summary['after']} -> {out}"
    )
    click.echo(f"  the labels of {cells['label_differences']:,} differ ({area['label_differences']:,.1f} ha)")
    click.echo(
        f"  {cells['confirmed']:,} {'is' if cells['confirmed'] == 1 else 'are'} confirmed as change "
        f"({area['confirmed']:,.1f} ha, {counted(summary['sites'], 'site')})"
    )
    say_how_surely(summary)
    say_steps(summary)
    return 0


def say_steps(summary: dict[str, Any]) -> None:
    """Print what each step of three or more maps found, and what became of the cells over all of them."""
    from landuse.text import counted

    for step in summary.get("steps", ()):
        click.echo(
            f"  {step['before']} to {step['after']}: {counted(step['cells']['confirmed'], 'cell')} confirmed "
            f"({step['area_ha']['confirmed']:,.1f} ha, {counted(step['sites'], 'site')}) -> {step['folder']}"
        )
    if told := summary.get("timeline"):
        click.echo(
            f"  over all surveys {counted(told['changed'], 'cell')} changed, and {told['flickering']:,} only flickered "
            "-> timeline.parquet"
        )


def say_how_surely(summary: dict[str, Any]) -> None:
    """Print the tiers of sites, what is expected of them and of the ranking, and what limits the answer."""
    from landuse.text import counted

    for tier, count in summary["sites_by_tier"].items():
        if count:
            click.echo(f"    {counted(count, f'{tier} site')}: {summary['tiers'][tier]}")
    if summary["ranking"]:
        expected = ", ".join(f"{real:.1f} of the first {first}" for first, real in summary["ranking"].items())
        click.echo(f"  real changes expected in ranking.parquet: {expected}")
    if alarms := summary["cells"]["expected_false_alarms"]:
        click.echo(f"  about {alarms:.1f} of the confirmed cells are expected to be false alarms")
    if summary["note"]:
        click.echo(f"  {summary['note']}")


def say_several(summary: dict[str, Any], out: Path) -> int:
    """Print what became of each class, where squares carry several."""
    from landuse.text import counted

    classes = counted(len(summary["classes"]), "class", "classes")
    click.echo(f"{classes} compared between {summary['before']} and {summary['after']} -> {out}")
    for name, found in summary["classes"].items():
        area = found["area_by_change"]
        click.echo(
            f"  {name:<14} {area['before']:>10,.1f} ha before, {area['after']:>10,.1f} ha after; confirmed "
            f"{area['gained']:,.1f} ha gained, {area['lost']:,.1f} ha lost in {counted(found['sites'], 'site')}"
        )
    return 0
