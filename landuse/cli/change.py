"""`landuse diff`, `assess` and `audit`: commands on change."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landuse.cli.from_schema import Sectioned, json_flag, options, out_folder, print_json
from landuse.engine.progress import busy
from landuse.options.results import (
    AgreeOptions,
    AuditApplyOptions,
    AuditOptions,
    DesignOptions,
    DiffOptions,
    EstimateOptions,
)
from landuse.text import counted

if TYPE_CHECKING:
    from landuse.evaluation.assessment import Part


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
    classes = counted(len(summary["classes"]), "class", "classes")
    click.echo(f"{classes} compared between {summary['before']} and {summary['after']} -> {out}")
    for name, found in summary["classes"].items():
        area = found["area_by_change"]
        click.echo(
            f"  {name:<14} {area['before']:>10,.1f} ha before, {area['after']:>10,.1f} ha after; confirmed "
            f"{area['gained']:,.1f} ha gained, {area['lost']:,.1f} ha lost in {counted(found['sites'], 'site')}"
        )
    return 0


@click.group()
def assess() -> None:
    """How right a change map is, and how much really changed: a sample that people label, and areas with intervals."""


@assess.command(cls=Sectioned, epilog="landuse assess design change --out sample")
@click.argument("change", type=click.Path(path_type=Path))
@out_folder
@options(DesignOptions)
@json_flag
def design(change: Path, out: Path, options: DesignOptions, as_json: bool) -> None:
    """Draw a stratified random sample of CHANGE, a folder of landuse diff.

    Writes label.html, a page on which people say what they see at both dates without knowing what the map says; sample.csv
    and sample.gpkg, the same for other programs; strata.csv; and key.csv, which the labelling must not see.
    """
    from landuse.stages.assess import design as run

    with busy("drawing the sample"):
        found = run(change, out, options)
    if as_json:
        strata = [{"name": name, "cells": n, "hectares": found.hectares[name]} for name, n in found.units.items()]
        print_json({"out": out, "strata": strata})
        return
    click.echo(f"{sum(found.units.values()):,} cells drawn -> {out}; label them on {out / 'label.html'}")
    for name, units in found.units.items():
        click.echo(f"  {name:<28} {units:>6,} cells of {found.hectares[name]:>12,.1f} ha")


@assess.command(cls=Sectioned, epilog="landuse assess estimate sample.csv --design sample --out areas")
@click.argument("sample", type=click.Path(path_type=Path))
@out_folder
@options(EstimateOptions)
@json_flag
def estimate(sample: Path, out: Path, options: EstimateOptions, as_json: bool) -> None:
    """Say from SAMPLE, a labelled sample.csv, what changed: areas with 95 % intervals, and the accuracy of the map.

    Writes areas.csv, accuracy.json and matrix.csv, and with --districts districts.csv. Stratified estimators of Olofsson et
    al. 2014 and Stehman 2014.
    """
    from landuse.stages.assess import estimate as run

    found = run(sample, out, options)
    if as_json:
        print_json({"out": out, "answered": found.answered, "notes": found.notes, **found.figures()})
        return
    overall = found.parts["transition"].found.overall
    click.echo(f"{found.answered:,} cells answered -> {out}")
    click.echo(
        f"  the change map is right on {overall.value[0]:.1%} of the land ({_give_or_take(overall.half_width[0], '.1%')})"
    )
    for line in _changes(found.parts["transition"]):
        click.echo(f"  {line}")
    for note in found.notes:
        click.echo(f"  {note}")


def _changes(part: Part) -> list[str]:
    lines = []
    for name, area, half, mapped in zip(
        part.names, part.found.areas.value, part.found.areas.half_width, part.mapped_ha, strict=True
    ):
        before, _, after = name.partition(" -> ")
        if before != after:
            lines.append(f"{name:<28} {area:>10,.1f} ha {_give_or_take(half, ',.1f')} (mapped {mapped:,.1f})")
    return lines


def _give_or_take(half_width: float, form: str) -> str:
    """Half of a 95 % interval; NaN is what the sample cannot say."""
    return f"+- {half_width:{form}}" if math.isfinite(half_width) else "without an interval"


@assess.command(cls=Sectioned, epilog="landuse assess agree sample.csv second.csv --out agreement")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@out_folder
@options(AgreeOptions)
@json_flag
def agree(first: Path, second: Path, out: Path, options: AgreeOptions, as_json: bool) -> None:
    """Compare two people's answers to one sample: kappa, and a list of what they see differently."""
    from landuse.stages.assess import agree as run

    found = run(first, second, out, options)
    if as_json:
        print_json({"out": out, **found.figures()})
        return
    kappa = "not defined" if found.kappa is None else f"{found.kappa:.2f}"
    click.echo(f"{found.compared:,} cells answered by both -> {out}")
    click.echo(f"  they agree on {found.same:.1%} (kappa {kappa}); {len(found.apart):,} seen differently")


FIRST = "sites"


class _Defaulting(click.Group):
    """A group whose first command need not be named: `landuse audit CHANGE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the first command where none is."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = [FIRST, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Defaulting)
def audit() -> None:
    """Which sites of a change map are real: a page to look at them, and a list that learns from what people say."""


@audit.command(FIRST, cls=Sectioned, epilog="landuse audit sites change --out audit")
@click.argument("change", type=click.Path(path_type=Path))
@out_folder
@options(AuditOptions)
@json_flag
def sites(change: Path, out: Path, options: AuditOptions, as_json: bool) -> None:
    """Draw sites of CHANGE, a folder of landuse diff: random ones, and those that are doubtful and large.

    Writes label.html, a page that shows each at both dates and asks whether it changed; audit.csv, the same for other
    programs; sites.csv, the list that is audited; and key.csv, which says how each site was drawn.
    """
    from landuse.stages.audit import audit as run

    with busy("drawing the sites"):
        found = run(change, out, options)
    if as_json:
        print_json({"out": out, "sites": found.sites, "random": found.random, "chosen": found.chosen})
        return
    click.echo(
        f"{found.random:,} random and {found.chosen:,} chosen sites of {found.sites:,} -> {out}; look at them on "
        f"{out / 'label.html'}"
    )


@audit.command(cls=Sectioned, epilog="landuse audit apply audit.csv change --design audit --out audited")
@click.argument("answers", type=click.Path(path_type=Path))
@click.argument("change", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write (default: CHANGE, anew)."
)
@options(AuditApplyOptions)
@json_flag
def apply(answers: Path, change: Path | None, out: Path | None, options: AuditApplyOptions, as_json: bool) -> None:
    """Re-rank the sites by ANSWERS, an audit.csv that the page exported, and say how many of them are surely real.

    Writes sites.csv, the surest first, and audit.json; with CHANGE, the folder of landuse diff that was audited, all of its
    other files too. The claim rests on the random sites alone, by an exact bound that allows for looking again after every
    20 of them.
    """
    from landuse.errors import UsageError
    from landuse.stages.audit import apply as run
    from landuse.stages.audit import figures

    out = out or change
    if out is None:
        raise UsageError("Give the folder of the comparison after ANSWERS, or a folder to write by --out.")
    found = run(answers, out, options, change)
    if as_json:
        print_json({"out": out, **figures(found)})
        return
    click.echo(f"{found.answered:,} sites answered -> {out}")
    click.echo(f"  {found.sentence}")
    click.echo(f"  {found.moved} of the first 50 sites are others than before")
