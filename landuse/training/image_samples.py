"""Samples of image files: class folders, tables and annotation folders alike."""

from __future__ import annotations

import numpy as np

from landuse.errors import NoOverlapError
from landuse.legend import Legend, same_name
from landuse.outputs.chip_images import folder_names
from landuse.training.dataset import Samples, SampleSettings, digest_of, strata_of, targets_of
from landuse.training.images import file_features
from landuse.training.learnt import file_marks
from landuse.training.listing import ImageList
from landuse.training.pictures import FilePictures
from landuse.training.split import Layout


def image_samples(images: ImageList, settings: SampleSettings) -> Samples:
    """Features and targets of labelled images of any size, those that cannot be read left out and named.

    Raises:
        NoOverlapError: not one label is a class of the legend, or not one image can be read.
    """
    names = sorted({name for labels in images.labels for name in labels})
    if not names:
        raise NoOverlapError(f"Not one image of {images.title} has a label, so there is nothing to learn from.")
    legend = settings.legend or Legend.of_names(names, images.title)
    codes = {name: class_code(legend, name) for name in names}
    targets, ignored = targets_of(images.labels, codes, legend)
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


def class_code(legend: Legend, name: str) -> int:
    """Code of a label: by a class's name, or by the name that `tile --export` makes safe for a path; 0 for none."""
    safe = {same_name(folder): code for code, folder in folder_names(legend).items()}
    return legend.code_of(name) or safe.get(same_name(name), 0)
