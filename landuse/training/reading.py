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
from landuse.training.samples import Samples, SampleSettings, classed, digest_of, strata_of
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
            f"{path} is no table of CSV or Parquet, and no folder."
            if path.exists()
            else f"There is no folder {path} of labelled chips or of class folders, and no such table."
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
        UsageError, NoOverlapError: as `classed`.
        NoOverlapError: not one image can be read.
    """
    said = classed(images.labels, images.title, settings, multi=images.multi)
    kept = np.flatnonzero(said.known & (images.sides if settings.held_back and images.sides is not None else True))
    targets, paths = said.targets[kept], [images.paths[i] for i in kept]
    found = file_features(paths, settings)
    samples = Samples(
        features=found.features,
        targets=targets,
        weights=np.ones(len(kept)) if images.weights is None else images.weights[kept],
        layout=Layout(
            strata_of(targets),
            groups=None if images.groups is None else images.groups[kept],
            sides=None if images.sides is None else images.sides[kept],
        ),
        legend=said.legend,
        digest=digest_of(
            [f"{key.hex()}:{';'.join(images.labels[i])}" for key, i in zip(found.keys, kept, strict=True)]
        ),
        multi=images.multi,
        skipped=(*images.skipped, *found.skipped),
        ignored=said.ignored,
        pictures=FilePictures(tuple(paths)),
        marks=file_marks(paths),
    )
    read = np.asarray(np.isfinite(found.features).all(axis=1))
    if not read.any():
        why = f"; the first: {found.skipped[0]}" if found.skipped else ", as none is held back"
        raise NoOverlapError(f"Not one image of {images.title} can be read{why}.")
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


def file_features(paths: Sequence[Path], settings: SampleSettings) -> FileFeatures:
    """Features of image files."""
    features = np.full((len(paths), settings.width), np.nan, np.float32)
    keys, skipped = file_keys(paths)
    todo = np.array([i for i, key in enumerate(keys) if key], np.int64)
    store = open_cache(settings)
    if store is not None:
        features[todo], found = store.find([keys[i] for i in todo])
        todo = todo[~found]
    computed = compute([paths[i] for i in todo], settings)
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


def compute(paths: Sequence[Path], settings: SampleSettings) -> ImageFeatures:
    """Features of files, computed where the settings say."""
    if not len(paths):
        return ImageFeatures(np.empty((0, settings.width), np.float32), ())
    tasks, score = [list(paths[i : i + TASK]) for i in range(0, len(paths), TASK)], settings.score
    with Progress(len(paths), "images", "reading") as progress, open_runner(score.master) as runner:
        progress.begin()
        pixels = read_cached(score.model).chip_px
        job = ImageJob(score, runner.share(score.model), runner.threads_per_task, pixels, settings.width)
        results = runner.map(partial(embed_files, job), tasks, lambda r: progress.advance(len(r.features)))
    return ImageFeatures(np.concatenate([r.features for r in results]), tuple(s for r in results for s in r.skipped))


def embed_files(job: ImageJob, paths: Sequence[Path]) -> ImageFeatures:
    """Features of some files; what a worker runs."""
    settings = job.settings
    runtime = open_runtime(job.model.locate(), kind=settings.runtime, precision=settings.precision, threads=job.threads)
    files = FileStream(paths, job.pixels)
    answers = runtime.predict_stream(batches(files, BATCH))
    found = [p.features if settings.features else p.probabilities for p in answers]
    features = np.full((len(paths), job.width), np.nan, np.float32)
    features[files.read] = np.concatenate(found) if found else np.empty((0, job.width))
    return ImageFeatures(features, tuple(files.skipped))
