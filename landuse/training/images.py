"""Image files through a network: which features are known already, where the others are computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError

from landuse.engine.progress import Progress
from landuse.engine.runner import open_runner
from landuse.engine.task import SharedFile
from landuse.models.bundle import Bundle
from landuse.models.runtime import backbone_key, open_runtime, read_cached
from landuse.mosaic.picture import Picture, batches, read_image
from landuse.outputs.record import file_digest
from landuse.scoring import ScoreSettings
from landuse.scoring.block import BATCH
from landuse.training.cache import FeatureCache, content_key

TASK = 256
"""Images of one task."""
UNREADABLE = (OSError, RasterioError)
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImageJob:
    """What is the same for every task: how the model runs and where it lies, its input's side and its features' length."""

    settings: ScoreSettings
    model: SharedFile
    threads: int
    pixels: int
    width: int


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """Features of some images, float32 (n, d) with NaN where one could not be read, and those images' causes."""

    features: Floats
    skipped: tuple[str, ...]


@dataclass
class FileStream:
    """The readable pictures of files, uint8 (pixels, pixels, 3) each; remembers which they were, and why others are not."""

    paths: Sequence[Path]
    pixels: int
    read: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Picture]:
        for position, path in enumerate(self.paths):
            try:
                picture = read_image(path, self.pixels)
            except UNREADABLE as error:
                self.skipped.append(_sentence(path, error))
                continue
            self.read.append(position)
            yield picture


@dataclass(frozen=True, eq=False)
class FileFeatures:
    """Features of files.

    Attributes:
        features: float32 (n, d), NaN where a file could not be read.
        keys: of the content of each file; empty where there is no such file.
        skipped: a sentence for each file that could not be read.
    """

    features: Floats
    keys: tuple[bytes, ...]
    skipped: tuple[str, ...]


def file_features(paths: Sequence[Path], settings: ScoreSettings, cache: Path | None = None) -> FileFeatures:
    """Features of image files.

    Args:
        paths: n files.
        settings: backbone and place.
        cache: folder of features computed earlier; None keeps none.
    """
    bundle = read_cached(settings.model)
    features = np.full((len(paths), bundle.head.feature_count), np.nan, np.float32)
    keys, skipped = file_keys(paths)
    todo = np.array([i for i, key in enumerate(keys) if key], np.int64)
    store = None if cache is None else open_cache(cache, bundle, settings)
    if store is not None:
        features[todo], found = store.find([keys[i] for i in todo])
        todo = todo[~found]
    computed = compute([paths[i] for i in todo], bundle, settings)
    features[todo] = computed.features
    if store is not None:
        good = todo[np.isfinite(computed.features).all(axis=1)]
        store.add([keys[i] for i in good], features[good])
    return FileFeatures(features, tuple(keys), (*skipped, *computed.skipped))


def file_keys(paths: Sequence[Path]) -> tuple[list[bytes], list[str]]:
    """Content keys of files, empty where there is no such file, and a sentence for each of those."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(_key_or_reason, paths))
    return [key for key, _ in found], sorted(reason for _, reason in found if reason)


def _key_or_reason(path: Path) -> tuple[bytes, str]:
    """The content key of a file, or an empty one and why there is none."""
    try:
        return content_key(file_digest(path)), ""
    except OSError as error:
        return b"", _sentence(path, error)


def _sentence(path: Path, error: BaseException) -> str:
    """What is wrong with a file, in a line."""
    return f"{path}: {' '.join(str(error).split())}"


def open_cache(folder: Path, bundle: Bundle, settings: ScoreSettings) -> FeatureCache:
    """The part of a cache that holds this backbone's features as these settings compute them."""
    key = backbone_key(bundle, settings.runtime, arithmetic(settings))
    return FeatureCache(folder / key, bundle.head.feature_count)


def arithmetic(settings: ScoreSettings) -> str:
    """What this machine computes in, where the settings leave it open."""
    if settings.runtime != "openvino" or settings.precision == "int8":
        return settings.precision
    from landuse.models.libraries import ov
    from landuse.models.runtime import choose_precision

    return choose_precision(settings.precision, ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def compute(paths: Sequence[Path], bundle: Bundle, settings: ScoreSettings) -> ImageFeatures:
    """Features of files, computed where the settings say."""
    if not len(paths):
        return ImageFeatures(np.empty((0, bundle.head.feature_count), np.float32), ())
    tasks = [list(paths[i : i + TASK]) for i in range(0, len(paths), TASK)]
    with Progress(len(paths), "images", "reading") as progress, open_runner(settings.master) as runner:
        progress.begin()
        job = ImageJob(
            settings, runner.share(settings.model), runner.threads_per_task, bundle.chip_px, bundle.head.feature_count
        )
        results = runner.map(partial(embed_files, job), tasks, lambda r: progress.advance(len(r.features)))
    return ImageFeatures(np.concatenate([r.features for r in results]), tuple(s for r in results for s in r.skipped))


def embed_files(job: ImageJob, paths: Sequence[Path]) -> ImageFeatures:
    """Features of some files; what a worker runs."""
    settings = job.settings
    runtime = open_runtime(job.model.locate(), kind=settings.runtime, precision=settings.precision, threads=job.threads)
    files = FileStream(paths, job.pixels)
    found = [p.features for p in runtime.predict_stream(batches(files, BATCH))]
    features = np.full((len(paths), job.width), np.nan, np.float32)
    features[files.read] = np.concatenate(found) if found else np.empty((0, job.width))
    return ImageFeatures(features, tuple(files.skipped))
