"""`landuse assess`: draw a sample for people to label, and say what their answers mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landuse.cli.config import with_config
from landuse.cli.from_schema import Sectioned, json_flag, options, out_folder, print_json
from landuse.engine.progress import busy
from landuse.options.results import AgreeOptions, DesignOptions, EstimateOptions

if TYPE_CHECKING:
    from landuse.evaluation.assessment import Part


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
        click.echo(f"  {name:<28} {units:>6,} of {found.hectares[name]:>12,.1f} ha")


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
    click.echo(f"  the change map is right on {overall.value[0]:.1%} of the land (+- {overall.half_width[0]:.1%})")
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
            lines.append(f"{name:<28} {area:>10,.1f} ha +- {half:,.1f} (mapped {mapped:,.1f})")
    return lines


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


for _command in assess.commands.values():
    with_config(_command)
