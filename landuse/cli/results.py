"""`landuse map`, `report`, `packet`, `find`, `catalog`, `info` and `demo`: commands on results."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, json_flag, options, out_folder, print_json
from landuse.engine.progress import busy
from landuse.options.results import CatalogOptions, DemoOptions, FindOptions, PacketOptions, PageOptions, ReportOptions
from landuse.text import counted


@click.command(cls=Sectioned, epilog="landuse map landuse_2014 landuse_2020 change --out map.html")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="HTML file to write.")
@options(PageOptions)
def map(folders: tuple[Path, ...], out: Path, options: PageOptions) -> None:
    """One HTML page of every land-use map and every change in DIR..., for planners; it works without a network.

    DIR are folders that landuse classify and landuse diff wrote. A page that landuse wrote is replaced; any other file is not.
    """
    from landuse.stages.pages import map as run

    run(folders, out, options)
    click.echo(f"{out}: open it in a browser.")


@click.command(cls=Sectioned, epilog="landuse report change --out report.html")
@click.argument("change", metavar="DIFF", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="HTML file to write.")
@options(ReportOptions)
def report(change: Path, out: Path, options: ReportOptions) -> None:
    """Two pages to forward of DIFF, a folder of landuse diff: what changed, where, how surely, and what limits the answer.

    The HTML holds everything and fetches nothing. Maps and imagery are shown where they still lie where they were compared.
    """
    from landuse.stages.pages import report as run

    run(change, out, options)
    click.echo(f"{out}: open it in a browser, or forward it.")
    if options.pdf is not None:
        click.echo(f"{options.pdf}: the same, for paper.")


@click.command(cls=Sectioned, epilog="landuse packet change --out change.zip")
@click.argument("change", metavar="DIFF", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Zip file to write.")
@options(PacketOptions)
def packet(change: Path, out: Path, options: PacketOptions) -> None:
    """DIFF with all that belongs to it in one zip: rasters, polygons with styles, tables, report, map page, STAC, README.txt.

    The two maps are in it where they still lie where they were compared. No file names a folder of this machine.
    """
    from landuse.stages.pages import packet as run

    names = run(change, out, options)
    click.echo(f"{out}: {len(names)} files, {out.stat().st_size / 1e6:,.1f} MB; README.txt in it says what each is.")


SHOWN = 5


@click.command(cls=Sectioned, epilog="landuse find landuse_2014 r20898c1305 --out like_this")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("chip_id")
@out_folder
@options(FindOptions)
@json_flag
def find(folder: Path, chip_id: str, out: Path, options: FindOptions, as_json: bool) -> None:
    """What looks like chip CHIP_ID in FOLDER, or changed like it.

    FOLDER is of landuse classify, or of landuse diff: then the confirmed sites are searched, each by the chip most like it.

    Writes similar.html (pictures), similar.gpkg and similar.csv to DIR. Chips are compared by the
    main components of their features (components.tif), and without those by the probabilities of their classes.
    """
    from landuse.likeness.finds import BY_CLASS, figures, sentence
    from landuse.stages.pages import find as run

    with busy("looking for what is alike"):
        found = run(folder, chip_id, out, options)
    if as_json:
        return print_json(figures(found))
    click.echo(f"{counted(len(found.finds) - 1, 'chip' if len(found.maps) == 1 else 'site')} -> {out / 'similar.html'}")
    for one in found.finds[1 : SHOWN + 1]:
        click.echo(sentence(one))
    if not found.features:
        click.echo(f"  {BY_CLASS}")


@click.command(cls=Sectioned, epilog="landuse catalog landuse_2014 landuse_2020 change --out stac")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@out_folder
@options(CatalogOptions)
def catalog(folders: tuple[Path, ...], out: Path, options: CatalogOptions) -> None:
    """A static STAC catalog of the results in DIR..., which landuse classify and landuse diff wrote: DIR/catalog.json.

    It links to the item.json of each folder by relative paths, so that folders and catalog can be moved or served together.
    """
    from landuse.outputs.stac import write_catalog

    path = write_catalog(folders, out, options.title or "", fresh=options.fresh)
    click.echo(f"{path}: {len(folders)} result{'' if len(folders) == 1 else 's'}.")


EXAMPLE = """
landuse info landuse_2020
landuse info county.landuse --json
"""


@click.command(cls=Sectioned, epilog=EXAMPLE)
@click.argument("path", type=click.Path(path_type=Path))
@json_flag
def info(path: Path, as_json: bool) -> int:
    """What PATH is (a result folder, a model file, a raster), where it came from, and whether it is whole.

    Leaves with status 1 where a file of a result is missing or was changed since.
    """
    from landuse.stages.info import info as describe

    found = describe(path)
    if as_json:
        print_json({"path": path, "whole": found.whole, **found.facts})
    else:
        width = max(len(label) for label, _ in found.lines)
        for label, value in found.lines:
            click.echo(f"{label:<{width}}  {value}")
    if found.whole:
        return 0
    click.echo(
        f"{path} is not whole: the files named above are missing or were changed after they were written.", err=True
    )
    return 1


@click.command(cls=Sectioned, epilog="landuse demo --out demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder to write.",
)
@options(DemoOptions)
def demo(out: Path, options: DemoOptions) -> None:
    """The whole job on the sample data: two survey years to a map of what changed, measured against the truth."""
    from landuse.stages.demo import demo as run

    report = run(out, options, click.echo)
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
