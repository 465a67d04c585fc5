"""Images of class folders: finding them, bringing them to a chip's size, running them through a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from landuse.bundle import read_bundle
from landuse.engine.runner import open_runner
from landuse.errors import SourceNotFoundError
from landuse.export import UNLABELLED
from landuse.models.runtime import open_runtime
from landuse.scoring import ScoreSettings
from landuse.scoring.block import BATCH

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif"}
TASK = 256
"""Images of one task."""


@dataclass(frozen=True)
class LabelledImage:
    """An image file and the name of the class folder it lies in."""

    path: Path
    label: str


@dataclass(frozen=True)
class ImageJob:
    """What is the same for every task: the model and how it runs, its input's side and its features' length."""

    settings: ScoreSettings
    threads: int
    pixels: int
    width: int


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """Features of one task's images, float32 (n, d) with NaN where an image could not be read, and those images' causes."""

    features: npt.NDArray[np.float32]
    skipped: tuple[str, ...]


def find_images(folder: Path) -> list[LabelledImage]:
    """Images one level down, sorted by class and name; not those of the folder in which exported chips without a label lie.

    Raises `SourceNotFoundError` where there are none.
    """
    found = [
        LabelledImage(path, group.name)
        for group in sorted(p for p in folder.iterdir() if p.is_dir() and p.name != UNLABELLED)
        for path in sorted(group.iterdir())
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise SourceNotFoundError(f"{folder} holds no chips.parquet and no class folders with images in them.")
    return found


def image_features(paths: Sequence[Path], settings: ScoreSettings) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """Features of images, float32 (n, d) with NaN where one could not be read, and a sentence for each of those."""
    bundle = read_bundle(settings.model)
    tasks = [list(paths[i : i + TASK]) for i in range(0, len(paths), TASK)]
    with open_runner(settings.master) as runner:
        job = ImageJob(settings, runner.threads_per_task, bundle.chip_px, bundle.head.feature_count)
        results = runner.map(partial(embed_images, job), tasks)
    return np.concatenate([r.features for r in results]), tuple(s for r in results for s in r.skipped)


def embed_images(job: ImageJob, paths: Sequence[Path]) -> ImageFeatures:
    """Features of some images; what a worker runs."""
    settings = job.settings
    runtime = open_runtime(settings.model, kind=settings.runtime, precision=settings.precision, threads=job.threads)
    read: list[int] = []
    skipped: list[str] = []

    def batches() -> Iterator[npt.NDArray[np.uint8]]:
        waiting = []
        for position, path in enumerate(paths):
            try:
                waiting.append(read_image(path, job.pixels))
            except (OSError, RasterioError) as error:
                skipped.append(f"{path}: {' '.join(str(error).split())}")
                continue
            read.append(position)
            if len(waiting) == BATCH:
                yield np.stack(waiting)
                waiting = []
        if waiting:
            yield np.stack(waiting)

    found = [p.features for p in runtime.predict_stream(batches())]
    features = np.full((len(paths), job.width), np.nan, np.float32)
    features[read] = np.concatenate(found) if found else np.empty((0, job.width))
    return ImageFeatures(features, tuple(skipped))


def read_image(path: Path, pixels: int) -> npt.NDArray[np.uint8]:
    """An image as uint8 (pixels, pixels, 3), resampled as a chip would be; grey becomes three equal bands."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as source:
            bands = (1, 2, 3) if source.count >= 3 else (1, 1, 1)
            shrinking = max(source.width, source.height) > pixels
            method = Resampling.average if shrinking else Resampling.bilinear
            image = source.read(bands, out_shape=(3, pixels, pixels), resampling=method)
    return np.ascontiguousarray(image.astype(np.uint8).transpose(1, 2, 0))
