"""`landuse doctor`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from landuse.cli.from_schema import Sectioned, options
from landuse.options.survey import SurveyOptions

if TYPE_CHECKING:
    from landuse.engine.checkup import Finding


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
