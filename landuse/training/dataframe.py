"""Samples of a Spark DataFrame of images: features are computed where the rows are, and only they come to the driver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from landuse.errors import NoOverlapError, UsageError
from landuse.training.listing import is_multi_label
from landuse.training.sample_marks import digest_marks
from landuse.training.samples import Samples, SampleSettings, classed, digest_of, strata_of
from landuse.training.split import Layout, given_sides

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from landuse.spark_ml.workers import ImageJob

LABEL_TYPES = ("string", "array<string>")


@dataclass(frozen=True)
class FrameColumns:
    """Which columns of a data frame say what.

    Attributes:
        image: Spark's image struct, or the bytes of image files.
        weight: a number from 0, or None for 1 each.
        split: train, val or test, or None.
        group: groups that stay on one side of a split, or None.
    """

    image: str = "content"
    label: str = "label"
    weight: str | None = None
    split: str | None = None
    group: str | None = None


def samples_from_dataframe(frame: DataFrame, settings: SampleSettings, columns: FrameColumns | None = None) -> Samples:
    """Features and targets of the rows of a data frame.

    Rows whose image is null or cannot be decoded, and rows without a label, are left out and named. The samples are in the
    order of their images' digests, whatever the partitions. Features are not cached: Spark caches data frames.

    Args:
        settings: backbone and legend; its master, root, cache and parts do not matter.

    Raises:
        UsageError: a column is missing or of another type.
        NoOverlapError: not one row has an image and a label.
    """
    columns = columns or FrameColumns()
    table = _collected(frame, settings, columns)
    labels, features = _labels(table), table["features"].to_pylist()
    whole = [
        i for i, (v, names) in enumerate(zip(features, labels, strict=True)) if v is not None and names is not None
    ]
    skipped = tuple(f"{table['name'][i]}: no image or no label" for i in sorted(set(range(len(table))) - set(whole)))
    chosen = [labels[i] or () for i in whole]
    if not any(chosen):
        raise NoOverlapError("Not one row of the data frame has an image that can be read and a label.")
    multi = is_multi_label(chosen)
    said = classed(chosen, "the data frame", settings, multi=multi)
    samples = Samples(
        features=np.array(table["features"].take(whole).to_pylist(), np.float32),
        targets=said.targets,
        weights=_weights(table, whole),
        layout=_layout(table, whole, said.targets),
        legend=said.legend,
        digest=digest_of([f"{table['key'][i]}:{';'.join(labels[i] or ())}" for i in whole]),
        multi=multi,
        skipped=skipped,
        ignored=said.ignored,
        marks=_marks(table, whole),
    )
    return samples.take(said.known)


def _collected(frame: DataFrame, settings: SampleSettings, columns: FrameColumns) -> pa.Table:
    from pyspark.sql.functions import lit, sha2
    from pyspark.sql.types import ArrayType, FloatType

    from landuse.spark_ml.columns import check_pictures, column, input_type, is_image
    from landuse.spark_ml.workers import column_function, find_model, image_job

    check_pictures(frame.schema, columns.image, None)
    kind = input_type(frame.schema, columns.label).simpleString()
    if kind not in LABEL_TYPES:
        raise UsageError(f"Column {columns.label!r} is {kind}, and labels are {' or '.join(LABEL_TYPES)}.")
    image = column(columns.image)
    struct = is_image(input_type(frame.schema, columns.image))
    path, _ = find_model(str(settings.score.model))
    job = image_job(frame.sparkSession, path)
    picked: dict[str, Column] = {
        "key": sha2(image["data"] if struct else image, 256),
        "file": lit(not struct),
        "name": image["origin"] if struct else column("path") if "path" in frame.columns else lit("a row"),
        "features": column_function(partial(_features, job), ArrayType(FloatType()))(image),
        "label": column(columns.label),
    }
    for name in ("weight", "split", "group"):
        source = getattr(columns, name)
        if source is not None:
            input_type(frame.schema, source)
            picked[name] = column(source).cast("double" if name == "weight" else "string")
    table = frame.select(*[value.alias(name) for name, value in picked.items()]).toArrow()
    return table.sort_by([("key", "ascending"), ("name", "ascending")])


def _features(job: ImageJob, pictures: pa.Array) -> pa.ListArray:
    """Feature vectors of a column of pictures, null where one cannot be read; runs in a worker."""
    from landuse.spark_ml.workers import predict

    found, read = predict(job, pictures)
    features: list[list[float] | None] = [None] * len(pictures)
    for row, vector in zip(read, found.features.tolist(), strict=True):
        features[row] = vector
    return pa.array(features, pa.list_(pa.float32()))


def _labels(table: pa.Table) -> list[tuple[str, ...] | None]:
    """Labels of every row; None where there are none."""
    found = [_names(value) for value in table["label"].to_pylist()]
    return [None if not names and not pa.types.is_list(table["label"].type) else names for names in found]


def _names(value: str | list[str | None] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(n.strip() for n in names if n and n.strip()))


def _marks(table: pa.Table, whole: list[int]) -> npt.NDArray[np.uint32] | None:
    """Marks of the files whose bytes the rows hold; None for pictures that were decoded before, which no file equals."""
    return digest_marks(table["key"].take(whole).to_pylist()) if table["file"][0].as_py() else None


def _weights(table: pa.Table, whole: list[int]) -> Any:  # noqa: ANN401
    if "weight" not in table.column_names:
        return np.ones(len(whole))
    weights = table["weight"].take(whole).to_numpy().astype(np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise UsageError("Weights are numbers from 0, and some of the data frame's are not.")
    return weights


def _layout(table: pa.Table, whole: list[int], targets: Any) -> Layout:  # noqa: ANN401
    names = table.column_names
    groups = np.array([str(v) for v in table["group"].take(whole).to_pylist()], object) if "group" in names else None
    sides = given_sides(table["split"].take(whole).to_pylist(), "The data frame") if "split" in names else None
    return Layout(strata_of(targets), groups=groups, sides=sides)
