"""Every option that more than one command has, defined once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

QUARANTINED = 3
"""Exit status of a run that is done, but for some chips that could not be read."""

F = TypeVar("F", bound=Callable[..., Any])


class BandList(click.ParamType[tuple[int, ...]]):
    """Band numbers such as ``1,2,3``; the first band is 1."""

    name = "R,G,B"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: ANN401
        """Parse the text; a tuple passes through."""
        if isinstance(value, tuple):
            return value
        try:
            bands = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of band numbers; write it like 1,2,3.", param, ctx)
        if min(bands) < 1:
            self.fail(f"band numbers start at 1, so {value!r} cannot be right.", param, ctx)
        return bands


def out_folder(function: F) -> F:
    """`--out DIR`: the folder to write."""
    return click.option(
        "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write."
    )(function)


def fresh(function: F) -> F:
    """`--fresh`: replace an earlier result."""
    return click.option("--fresh", is_flag=True, help="Ignore and replace an earlier result in the output folder.")(
        function
    )


def seed(function: F) -> F:
    """`--seed N`."""
    return click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything that draws.")(
        function
    )


def master(function: F) -> F:
    """`--master URL`: where the work runs."""
    return click.option(
        "--master",
        default="local[*]",
        show_default=True,
        help="Spark master, or 'inline' to run in this process without Spark.",
    )(function)


def task_timeout(function: F) -> F:
    """`--task-timeout S`: when a block counts as hanging."""
    return click.option(
        "--task-timeout",
        "task_timeout_s",
        type=click.IntRange(0),
        default=900,
        show_default=True,
        metavar="S",
        help="Seconds after which a block is taken from a worker and tried again, on Spark; 0 is never.",
    )(function)


def parts(function: F) -> F:
    """`--parts ADDRESS`: where a cluster's workers leave results."""
    return click.option(
        "--parts",
        default=None,
        metavar="ADDRESS",
        help="Where workers leave results that this machine collects, if they do not share its disk: s3://bucket/folder.",
    )(function)


def area(function: F) -> F:
    """`--aoi FILE` and `--bounds W S E N`."""
    function = click.option(
        "--bounds",
        type=float,
        nargs=4,
        default=None,
        metavar="W S E N",
        help="Only chips that touch these lon/lat bounds.",
    )(function)
    return click.option(
        "--aoi",
        type=click.Path(path_type=Path, exists=False),
        default=None,
        help="Only chips that touch these polygons.",
    )(function)


def lattice(function: F) -> F:
    """`--chip-size`, `--chip-pixels` and `--crs`."""
    function = click.option("--crs", default=None, metavar="EPSG:n", help="CRS of the lattice.")(function)
    function = click.option(
        "--chip-pixels", type=click.IntRange(8, 4096), default=224, show_default=True, help="Pixels of a chip side."
    )(function)
    return click.option(
        "--chip-size",
        type=click.FloatRange(0, min_open=True),
        default=224.0,
        show_default=True,
        help="Side of a chip in metres.",
    )(function)


def imagery(function: F) -> F:
    """`--bands`, `--stretch` and `--min-valid`."""
    function = click.option(
        "--min-valid",
        type=click.FloatRange(0, 1),
        default=0.5,
        show_default=True,
        help="Least share of a chip with imagery.",
    )(function)
    function = click.option(
        "--stretch",
        type=float,
        nargs=2,
        default=None,
        metavar="LOW HIGH",
        help="Values that become 0 and 255 (16-bit sources).",
    )(function)
    return click.option(
        "--bands", type=BandList(), default="1,2,3", show_default=True, help="Source bands for R, G, B."
    )(function)


def inference(function: F) -> F:
    """`--runtime`, `--precision` and `--max-quarantined`: how a network is run over chips."""
    function = click.option(
        "--max-quarantined",
        type=click.FloatRange(0, 1),
        default=0.01,
        show_default=True,
        help="Largest share of chips that may fail before the run does.",
    )(function)
    function = click.option(
        "--precision",
        type=click.Choice(["auto", "f32", "bf16", "int8"]),
        default="auto",
        show_default=True,
        help="Arithmetic of the network; auto takes bf16 where the processor has it, int8 needs landuse quantise.",
    )(function)
    return click.option(
        "--runtime",
        type=click.Choice(["openvino", "tensorflow"]),
        default="openvino",
        show_default=True,
        help="What runs the network.",
    )(function)


FINE_TUNING = {
    "fine_tune": "layers",
    "train_batch_norm": "train_batch_norm",
    "epochs": "epochs",
    "batch": "batch",
    "learning_rate": "learning_rate",
    "patience": "patience",
    "augment": "augment",
    "fine_precision": "precision",
}
"""What `FineTuneOptions` calls the options of `fine_tuning`."""


def fine_tuning(function: F) -> F:
    """`--fine-tune` and what says how."""
    chosen = (
        click.option(
            "--fine-tune",
            default=None,
            metavar="last-block|all|N-layers",
            help="Let these layers of the backbone learn on: the last block, all, or N from the top.",
        ),
        click.option("--train-batch-norm", is_flag=True, help="Fine-tuning: batch norms learn too."),
        click.option(
            "--epochs", type=click.IntRange(1), default=20, show_default=True, help="Fine-tuning: at most so many."
        ),
        click.option(
            "--batch", type=click.IntRange(1), default=32, show_default=True, help="Fine-tuning: images of a step."
        ),
        click.option(
            "--learning-rate",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            default=3e-4,
            show_default=True,
            help="Fine-tuning: at its height, after the warm-up; it falls to 0 along a cosine.",
        ),
        click.option(
            "--patience",
            type=click.IntRange(1),
            default=5,
            show_default=True,
            help="Fine-tuning: stop after so many epochs without a better validation loss.",
        ),
        click.option(
            "--augment/--no-augment",
            default=True,
            show_default=True,
            help="Fine-tuning: turn, mirror, scale and light each image anew in each epoch.",
        ),
        click.option(
            "--fine-precision",
            type=click.Choice(["auto", "f32", "bf16"]),
            default="auto",
            show_default=True,
            help="Fine-tuning: arithmetic; auto takes bf16 where the processor or the GPU has it.",
        ),
    )
    for option in reversed(chosen):
        function = option(function)
    return function
