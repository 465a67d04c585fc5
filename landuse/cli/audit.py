"""`landuse audit`: look at the sites of a change map that are most worth it, and learn from the answers."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.config import with_config
from landuse.cli.from_schema import Sectioned, json_flag, options, out_folder, print_json
from landuse.options.results import AuditApplyOptions, AuditOptions

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


for _command in audit.commands.values():
    with_config(_command)
