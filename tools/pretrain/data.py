"""What every command here is told: where the images and the teachers are."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from landuse.errors import UsageError
from landuse.models.arrays import Floats, Weights
from tools.pretrain.images import ImageSet, read_images


@dataclass(frozen=True)
class Data:
    """Folders and files, as given.

    Attributes:
        ucmerced: folder of class folders.
        aerial: folder of images without labels, or None.
        teachers: MobileNetV1 (.tflite) and SqueezeNet 1.1 (.h5).
        out: where everything is written.
        seed: of everything that is drawn.
    """

    ucmerced: Path
    aerial: Path | None
    teachers: tuple[Path, Path]
    out: Path
    seed: int

    def images(self) -> ImageSet:
        """All images."""
        return read_images(self.ucmerced, self.aerial)

    def origin(self) -> Weights:
        """The weights that training starts from."""
        from tools.pretrain.origin import read_origin

        return read_origin(*self.teachers)

    def origin_features(self, images: ImageSet) -> Floats:
        """What the start sees in every image as it is, float32 (n, 2560); kept in `out`."""
        from tools.pretrain.features import builtin_extractor

        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / f"origin_features_{images.digest[:16]}.npy"
        if not path.exists():
            np.save(path, builtin_extractor(self.origin())(images.images))
        features: Floats = np.load(path, allow_pickle=False)
        return features


infrared_option = click.option(
    "--infrared",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Rasters R G B NIR of lakes: their western halves teach, their eastern ones judge.",
)


def data_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every command; it is called with `data`."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    file = click.Path(exists=True, dir_okay=False, path_type=Path)

    @click.option("--ucmerced", type=folder, required=True, help="Class folders.")
    @click.option("--aerial", type=folder, help="Images without labels, CITY_YEAR_NUMBER.jpg.")
    @click.option(
        "--teacher", "teachers", type=file, required=True, multiple=True, help="MobileNetV1 .tflite, SqueezeNet .h5."
    )
    @click.option(
        "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Results, checkpoints, log."
    )
    @click.option("--seed", default=0, show_default=True)
    @functools.wraps(command)
    def told(
        ucmerced: Path,
        aerial: Path | None,
        teachers: tuple[Path, ...],
        out: Path,
        seed: int,
        **others: Any,  # noqa: ANN401
    ) -> None:
        """The command, given the options as one value."""
        command(Data(ucmerced, aerial, _two(teachers), out, seed), **others)

    return told


def _two(teachers: tuple[Path, ...]) -> tuple[Path, Path]:
    mobile = [path for path in teachers if path.suffix == ".tflite"]
    squeeze = [path for path in teachers if path.suffix == ".h5"]
    if len(mobile) != 1 or len(squeeze) != 1 or len(teachers) != 2:
        raise UsageError("Give --teacher twice: MobileNetV1 as .tflite and SqueezeNet 1.1 as .h5.")
    return mobile[0], squeeze[0]
