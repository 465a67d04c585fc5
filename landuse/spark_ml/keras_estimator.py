"""Training a Keras model file on a column of pictures, as an estimator of pyspark.ml."""

# ruff: noqa: N802, N815 -- names are those of pyspark.ml

from __future__ import annotations

import threading
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.ml import Estimator
from pyspark.ml.base import _FitMultipleIterator
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasSeed
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, BinaryType, NumericType, StructType

from landuse.engine.spark_runner import scratch
from landuse.errors import LanduseWarning, UsageError
from landuse.models.keras_files import KERAS, check_keras_file
from landuse.spark_ml.columns import column, input_type, numbers, pictures
from landuse.spark_ml.keras_stages import HasModelFile, KerasImageModel, KerasImageParams
from landuse.spark_ml.stages import needed
from landuse.spark_ml.workers import column_function

if TYPE_CHECKING:
    from landuse.spark_ml.keras_workers import KerasRecipe, PictureStore

FIT_PARAMS = frozenset({"epochs", "batch_size", "verbose", "shuffle", "validation_split", "class_weight"})
MOST_SEED = 2**32 - 1


def _fit_params(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"kerasFitParams is a dict, not {type(value).__name__}.")
    return value


class KerasImageEstimator(
    Estimator[KerasImageModel],
    KerasImageParams,
    HasModelFile,
    HasSeed,
    DefaultParamsReadable[Any],
    DefaultParamsWritable,
):
    """Trains a Keras model file on a column of pictures and a column of labels, on the driver.

    Workers decode and resize the pictures; the driver keeps them on disk, so they may be more than fit into memory. Rows
    without a label or with a picture that cannot be read are left out, and a warning says how many.

    Args:
        inputCol: image structs, encoded files, or nested arrays of 0 to 255.
        outputCol: the model's output as vectors.
        labelCol: numbers (class numbers from 0 for sparse losses), or arrays or vectors (one-hot, multi-label).
        predictionCol: the highest class of each output.
        modelFile: a `.keras` file of one input (side, side, 3), trained further from the weights in it.
        kerasOptimizer: Keras' name of it.
        kerasLoss: likewise.
        kerasFitParams: of Keras' fit: epochs, batch_size, shuffle, validation_split, class_weight, verbose.
        learningRate: of the optimizer; unset keeps the optimizer's own.
        preprocess: none (0 to 255), unit (0 to 1), signed (-1 to 1) or caffe.
        seed: of the order of pictures and of dropout.
    """

    kerasOptimizer: Param[str] = Param(
        Params._dummy(), "kerasOptimizer", "Keras' name of an optimizer.", typeConverter=TypeConverters.toString
    )
    kerasLoss: Param[str] = Param(
        Params._dummy(), "kerasLoss", "Keras' name of a loss.", typeConverter=TypeConverters.toString
    )
    kerasFitParams: Param[dict[str, Any]] = Param(
        Params._dummy(),
        "kerasFitParams",
        f"arguments of fit: {', '.join(sorted(FIT_PARAMS))}.",
        typeConverter=_fit_params,
    )
    learningRate: Param[float] = Param(
        Params._dummy(), "learningRate", "of the optimizer; unset keeps its own.", typeConverter=TypeConverters.toFloat
    )

    _defaults = MappingProxyType(
        {
            "kerasOptimizer": "adam",
            "kerasLoss": "sparse_categorical_crossentropy",
            "kerasFitParams": {"epochs": 1},
            "preprocess": "none",
            "seed": 0,
        }
    )

    def getKerasFitParams(self) -> dict[str, Any]:
        """The value of kerasFitParams."""
        params: dict[str, Any] = self.getOrDefault(self.kerasFitParams)
        return params

    def transformSchema(self, schema: StructType) -> StructType:
        """The schema with both output columns, after all that can be checked before any work.

        Raises:
            UsageError: columns that do not fit, or params that cannot be right.
            ModelFileError: no such file, a damaged one, or one with code of its own.
        """
        check_keras_file(needed(self, self.modelFile))
        kind = input_type(schema, self.getLabelCol())
        inner = kind.elementType if isinstance(kind, ArrayType) else kind
        if not isinstance(inner, NumericType | VectorUDT):
            raise UsageError(
                f"Column {self.getLabelCol()!r} is {kind.simpleString()}; labels are numbers or arrays of them."
            )
        odd = sorted(self.getKerasFitParams().keys() - FIT_PARAMS)
        if odd:
            raise UsageError(f"kerasFitParams has {odd[0]!r}; it takes {', '.join(sorted(FIT_PARAMS))}.")
        if not 0 <= self.getSeed() <= MOST_SEED:
            raise UsageError(f"A seed is from 0 to {MOST_SEED}, not {self.getSeed()}.")
        return self.answered(schema)

    def fitMultiple(
        self, dataset: DataFrame, paramMaps: Sequence[dict[Param[Any], Any]]
    ) -> Iterator[tuple[int, KerasImageModel]]:
        """Models for several param maps, one after another; pictures are collected once for all that share columns."""
        estimator, stores = self.copy(), _PictureStores(dataset)
        for one in paramMaps:
            estimator.copy(one).transformSchema(dataset.schema)

        def fit_one(index: int) -> KerasImageModel:
            """The model of one map; Spark may ask from several threads."""
            return estimator.copy(paramMaps[index])._fit_from(stores)

        return _FitMultipleIterator(fit_one, len(paramMaps))

    def _fit(self, dataset: DataFrame) -> KerasImageModel:
        self.transformSchema(dataset.schema)
        return self._fit_from(_PictureStores(dataset))

    def _fit_from(self, stores: _PictureStores) -> KerasImageModel:
        from landuse.spark_ml.keras_workers import load_keras, picture_side, train_keras  # import TensorFlow

        recipe = self._recipe()
        with stores.lock:  # Keras' seed and names are global, and one training uses all cores
            side = picture_side(load_keras(recipe.model), recipe.model.name)
            store = stores.find(self.getInputCol(), self.getLabelCol(), side)
            out = scratch() / f"{uuid.uuid4().hex}{KERAS}"
            history = train_keras(recipe, store, out)
        return self._copyValues(KerasImageModel(out, history))

    def _recipe(self) -> KerasRecipe:
        from landuse.spark_ml.keras_workers import KerasRecipe

        return KerasRecipe(
            model=Path(self.getModelFile()),
            optimizer=self.getOrDefault(self.kerasOptimizer),
            loss=self.getOrDefault(self.kerasLoss),
            fit=self.getKerasFitParams(),
            learning_rate=self.getOrDefault(self.learningRate) if self.isDefined(self.learningRate) else None,
            preprocess=self.preparation(),
            seed=self.getSeed(),
        )


class _PictureStores:
    """Pictures of one data frame on the driver's disk, collected when they are first asked for."""

    def __init__(self, dataset: DataFrame) -> None:
        self.lock = threading.Lock()
        self._dataset = dataset
        self._filled: dict[tuple[str, str, int], PictureStore] = {}

    def find(self, image: str, label: str, side: int) -> PictureStore:
        """Pictures and labels of two columns."""
        key = (image, label, side)
        if key not in self._filled:
            self._filled[key] = _collect(self._dataset, *key)
        return self._filled[key]


def _collect(dataset: DataFrame, image: str, label: str, side: int) -> PictureStore:
    from landuse.spark_ml.keras_workers import fill_store

    target = numbers(dataset.schema, label)
    pixels = column_function(lambda images: _pixels(images, side), BinaryType())(column(image))
    rows = dataset.select(pixels.alias("pixels"), target.alias("label")).toLocalIterator(prefetchPartitions=True)
    store, skipped = fill_store(((row[0], row[1]) for row in rows), side, scratch() / uuid.uuid4().hex)
    if skipped:
        warnings.warn(
            f"{skipped} of {skipped + len(store.labels)} rows have no label or a picture that cannot be read, "
            "and were left out.",
            LanduseWarning,
            stacklevel=2,
        )
    return store


def _pixels(images: pa.Array, side: int) -> pa.Array:
    """Pictures as the bytes of (side, side, 3)."""
    return pa.array([None if p is None else p.tobytes() for p in pictures(images, side)], pa.binary())
