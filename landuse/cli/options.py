"""Every option that more than one command has, defined once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from landuse.cli.values import BandList

QUARANTINED = 3
"""Exit status of a run that is done, but for some chips that could not be read."""

F = TypeVar("F", bound=Callable[..., Any])


class Option(Protocol):
    """What gives a command an option, or several."""

    def __call__(self, function: F, /) -> F:
        """The command with the option."""


def together(*options: Option) -> Option:
    """Several options as one; `--help` lists them in this order."""

    def decorate(function: F) -> F:
        """The command with all of them: click wants the last one first."""
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


out_folder: Option = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write."
)
fresh: Option = click.option("--fresh", is_flag=True, help="Ignore and replace an earlier result in the output folder.")
seed: Option = click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything that draws.")
master: Option = click.option(
    "--master",
    default="local[*]",
    show_default=True,
    help="Spark master, or 'inline' to run in this process without Spark.",
)
task_timeout: Option = click.option(
    "--task-timeout",
    "task_timeout_s",
    type=click.IntRange(0),
    default=900,
    show_default=True,
    metavar="S",
    help="Seconds after which a block is taken from a worker and tried again, on Spark; 0 is never.",
)
parts: Option = click.option(
    "--parts",
    default=None,
    metavar="ADDRESS",
    help="Where workers leave results that this machine collects, if they do not share its disk: s3://bucket/folder.",
)
area = together(
    click.option(
        "--aoi",
        type=click.Path(path_type=Path, exists=False),
        default=None,
        help="Only chips that touch these polygons.",
    ),
    click.option(
        "--bounds",
        type=float,
        nargs=4,
        default=None,
        metavar="W S E N",
        help="Only chips that touch these lon/lat bounds.",
    ),
)
"""Which part of the land."""

lattice = together(
    click.option(
        "--chip-size",
        type=click.FloatRange(0, min_open=True),
        default=224.0,
        show_default=True,
        help="Side of a chip in metres.",
    ),
    click.option(
        "--chip-pixels", type=click.IntRange(8, 4096), default=224, show_default=True, help="Pixels of a chip side."
    ),
    click.option("--crs", default=None, metavar="EPSG:n", help="CRS of the lattice."),
)
"""Where chips lie."""

imagery = together(
    click.option("--bands", type=BandList(), default="1,2,3", show_default=True, help="Source bands for R, G, B."),
    click.option(
        "--stretch",
        type=float,
        nargs=2,
        default=None,
        metavar="LOW HIGH",
        help="Values that become 0 and 255 (16-bit sources).",
    ),
    click.option(
        "--min-valid",
        type=click.FloatRange(0, 1),
        default=0.5,
        show_default=True,
        help="Least share of a chip with imagery.",
    ),
)
"""What of the rasters is read."""

inference = together(
    click.option(
        "--runtime",
        type=click.Choice(["openvino", "tensorflow"]),
        default="openvino",
        show_default=True,
        help="What runs the network.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "f32", "bf16", "int8"]),
        default="auto",
        show_default=True,
        help="Arithmetic of the network; auto takes bf16 where the processor has it, int8 needs landuse quantise.",
    ),
    click.option(
        "--max-quarantined",
        type=click.FloatRange(0, 1),
        default=0.01,
        show_default=True,
        help="Largest share of chips that may fail before the run does.",
    ),
)
"""How a network is run over chips."""
