"""`landuse export`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.from_schema import Sectioned, options
from landuse.options.results import ExportOptions


@click.command(cls=Sectioned, epilog="landuse export county.landuse --out county.onnx")
@click.argument("model", metavar="MODEL")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="What to write: .onnx, .xml, or a SavedModel's folder.",
)
@options(ExportOptions)
def export(model: str, out: Path, options: ExportOptions) -> None:
    """MODEL, a file or the name of one that ships, as a file that other programs run.

    It is the whole classifier, from pixels to calibrated probabilities, with its classes, bands and pixel size. An ONNX file
    works in QGIS with the plugin Deepness.
    """
    from landuse.stages.models import export as run

    for path in run(model, out, options):
        click.echo(f"wrote {path}")
