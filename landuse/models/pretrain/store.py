"""Views and what the teacher saw in them, kept on disk, so that training can be broken off and taken up again."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from landuse.models.arrays import Floats, Images
from landuse.models.pretrain.images import ImageSet
from landuse.models.pretrain.teacher import BATCH, Teacher
from landuse.models.pretrain.views import PX, render_view

log = logging.getLogger(__name__)
MAP_DEPTH = 64
BASIS_VIEWS = 256


@dataclass(frozen=True)
class ViewStore:
    """Arrays on disk, one row a view.

    Attributes:
        images: uint8 (n, 224, 224, 3).
        shares: float32 (n, classes).
        pooled: float16 (n, D), the teacher's pooled features.
        maps: float16 (n, 7, 7, 64), the teacher's feature map on its 64 first principal axes.
    """

    images: Images
    shares: Floats
    pooled: npt.NDArray[np.float16]
    maps: npt.NDArray[np.float16]

    def shrunken(self, px: int) -> Images:
        """The images at `px`, 224 over a power of two, by block means; in memory unless they are as stored."""
        if px == PX:
            return self.images
        return np.stack([np.asarray(Image.fromarray(image).reduce(PX // px)) for image in self.images])


def fill_store(source: ImageSet, teacher: Teacher, folder: Path, count: int, seed: int) -> ViewStore:
    """Render `count` views and ask the teacher; takes up where an earlier call in `folder` stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    basis = _basis(source, teacher, folder / "basis.npz", seed)
    depth = len(basis["mean"])
    store = ViewStore(
        _open(folder / "images.npy", (count, PX, PX, 3), np.uint8),
        _open(folder / "shares.npy", (count, len(source.names)), np.float32),
        _open(folder / "pooled.npy", (count, depth), np.float16),
        _open(folder / "maps.npy", (count, 7, 7, MAP_DEPTH), np.float16),
    )
    progress = folder / "progress.json"
    start = json.loads(progress.read_text())["views"] if progress.exists() else 0
    for first in range(start, count, BATCH):
        _fill_rows(store, slice(first, min(first + BATCH, count)), source, teacher, basis, seed)
        if (first // BATCH) % 25 == 24 or first + BATCH >= count:
            progress.write_text(json.dumps({"views": min(first + BATCH, count)}))
            log.info("views %d of %d", min(first + BATCH, count), count)
    return store


def _fill_rows(
    store: ViewStore, rows: slice, source: ImageSet, teacher: Teacher, basis: dict[str, Floats], seed: int
) -> None:
    """Render one batch of views. Each view has its own generator, so that a resumed run draws the same."""
    views = [render_view(source, np.random.default_rng([seed, 1, i])) for i in range(rows.start, rows.stop)]
    images = np.stack([view.image for view in views])
    pooled, maps = teacher.look(images)
    store.images[rows] = images
    store.shares[rows] = np.stack([view.shares for view in views])
    store.pooled[rows] = pooled.astype(np.float16)
    store.maps[rows] = ((maps - basis["mean"]) @ basis["axes"] / basis["scale"]).astype(np.float16)


def _basis(source: ImageSet, teacher: Teacher, path: Path, seed: int) -> dict[str, Floats]:
    """Mean (D,), principal axes (D, 64) and their standard deviations (64,) of the teacher's feature maps."""
    if not path.exists():
        views = [render_view(source, np.random.default_rng([seed, 0, i])).image for i in range(BASIS_VIEWS)]
        looks = [teacher.look(np.stack(views[i : i + BATCH]))[1] for i in range(0, BASIS_VIEWS, BATCH)]
        cells = np.concatenate(looks).reshape(-1, looks[0].shape[-1])
        mean = cells.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((cells - mean).T))
        scale = np.full(MAP_DEPTH, np.sqrt(values[-MAP_DEPTH:].mean()))
        np.savez(path, mean=mean, axes=vectors[:, -MAP_DEPTH:].astype(np.float32), scale=scale.astype(np.float32))
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in ("mean", "axes", "scale")}


def _open(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Any:  # noqa: ANN401 - an array of that dtype
    """The memory-mapped array at `path`, made where it is missing or of another shape."""
    if path.exists():
        found = np.lib.format.open_memmap(path, mode="r+")
        if found.shape == shape and found.dtype == dtype:
            return found
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
