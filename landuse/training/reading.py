"""Reading labelled data of any kind as samples; and image files through a network, where their features are not known yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError

from landuse.chips import CHIPS_FILE
from landuse.engine.progress import Progress
from landuse.engine.runner import SharedFile
from landuse.engine.session import open_runner
from landuse.errors import NoOverlapError, SourceNotFoundError, UsageError
from landuse.legend import Legend
from landuse.models.bundle import Bundle
from landuse.models.runtime import open_runtime, read_cached
from landuse.mosaic.picture import Picture, batches, read_image
from landuse.outputs.record import file_digest
from landuse.scoring import ScoreSettings
from landuse.scoring.block import BATCH
from landuse.training.cache import content_key, open_cache
from landuse.training.chip_samples import chip_samples, table_chip_samples
from landuse.training.listing import ImageList, class_folders, is_voc, voc_images
from landuse.training.pictures import FilePictures
from landuse.training.sample_marks import file_marks
from landuse.training.samples import Samples, SampleSettings, digest_of, strata_of, targets_of
from landuse.training.split import Layout
from landuse.training.tables import is_table, read_table, table_images

TASK = 256
"""Images of one task."""
UNREADABLE = (OSError, RasterioError)
Floats = npt.NDArray[np.float32]


def read_samples(data: Sequence[Path], settings: SampleSettings) -> Samples:
    """Features and targets of labelled data.

    Args:
        data: chip folders made by `tile --labels`; or one folder of class folders or of annotations; or one table.

    Raises:
        SourceNotFoundError: there is nothing of any kind.
        UsageError: chips without labels, several kinds at once, or an option that this kind has no use for.
        ConfigError: a table is not one of labels.
        NoOverlapError: not one sample has a label.
    """
    tables = [p for p in data if p.name == CHIPS_FILE or (p / CHIPS_FILE).is_file()]
    if tables and len(tables) == len(data):
        return chip_samples(tables, settings)
    if tables or len(data) != 1:
        raise UsageError(
            "Give folders of labelled chips, or one folder of class folders or annotations, or one table, not both."
        )
    path = data[0]
    if settings.soft:
        raise UsageError("Soft labels are area shares, which only chips have: give folders of tile --labels.")
    if is_table(path):
        return _of_table(path, settings)
    if not path.is_dir():
        raise SourceNotFoundError(
            f"There is no folder {path} of labelled chips or of class folders, and no such table."
        )
    if settings.group_by is not None:
        raise UsageError(f"{path} has no columns to group by; --group-by is for tables and chips.")
    return image_samples(voc_images(path) if is_voc(path) else class_folders(path), settings)


def _of_table(path: Path, settings: SampleSettings) -> Samples:
    table = read_table(path, settings.group_by)
    if settings.root is not None and not settings.root.is_dir():
        raise SourceNotFoundError(f"There is no folder {settings.root} for the paths of {path}.")
    if table.key == "chip_id":
        return table_chip_samples(table, settings.root or path.parent, settings)
    return image_samples(table_images(table, settings.root), settings)


def image_samples(images: ImageList, settings: SampleSettings) -> Samples:
    """Features and targets of labelled images of any size, those that cannot be read left out and named.

    Raises:
        NoOverlapError: not one label is a class of the legend, or not one image can be read.
    """
    names = sorted({name for labels in images.labels for name in labels})
    if not names:
        raise NoOverlapError(f"Not one image of {images.title} has a label, so there is nothing to learn from.")
    legend = settings.legend or Legend.of_names(names, images.title)
    targets, ignored = targets_of(images.labels, legend)
    known = targets.any(axis=1) | np.array([images.multi and not labels for labels in images.labels], bool)
    if not targets.any():
        raise NoOverlapError(f"Not one label of {images.title} is a class of legend {legend.name}.")
    kept = np.flatnonzero(known)
    found = file_features([images.paths[i] for i in kept], settings.score, settings.cache)
    samples = Samples(
        features=found.features,
        targets=targets[kept],
        weights=np.ones(len(kept)) if images.weights is None else images.weights[kept],
        layout=Layout(
            strata_of(targets[kept]),
            groups=None if images.groups is None else images.groups[kept],
            sides=None if images.sides is None else images.sides[kept],
        ),
        legend=legend,
        digest=digest_of(
            [f"{key.hex()}:{';'.join(images.labels[i])}" for key, i in zip(found.keys, kept, strict=True)]
        ),
        multi=images.multi,
        skipped=(*images.skipped, *found.skipped),
        ignored=ignored,
        pictures=FilePictures(tuple(images.paths[i] for i in kept)),
        marks=file_marks([images.paths[i] for i in kept]),
    )
    read = np.asarray(np.isfinite(found.features).all(axis=1))
    if not read.any():
        raise NoOverlapError(f"Not one image of {images.title} can be read; the first: {found.skipped[0]}.")
    return samples.take(read)


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
    return f"{path}: {' '.join(str(error).split())}"


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
