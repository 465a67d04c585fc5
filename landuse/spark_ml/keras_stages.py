"""Keras models as stages of pyspark.ml: one over a column of arrays, and a trained one over a column of pictures."""

# ruff: noqa: N802, N815 -- names are those of pyspark.ml

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from pyspark.ml import Model, Transformer
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasLabelCol, HasOutputCol, HasPredictionCol
from pyspark.ml.util import (
    DefaultParamsReadable,
    DefaultParamsReader,
    DefaultParamsWritable,
    DefaultParamsWriter,
    MLReadable,
    MLReader,
    MLWritable,
    MLWriter,
)
from pyspark.sql import Column, DataFrame
from pyspark.sql.functions import array_max, array_position, size, when
from pyspark.sql.types import DoubleType, StructField, StructType

from landuse.engine.runner import SharedFile
from landuse.engine.spark_runner import DIGITS, scratch, share
from landuse.errors import UsageError
from landuse.models.architectures import CAFFE, SIGNED, Preprocess
from landuse.models.keras_files import KERAS, check_keras_file
from landuse.spark_ml.columns import check_pictures, column, input_type, is_numbers, numbers, refuse_existing
from landuse.spark_ml.stages import KeywordStage, needed
from landuse.spark_ml.workers import column_function, context_of, once

PREPROCESS: Mapping[str, Preprocess] = MappingProxyType(
    {"none": Preprocess(), "unit": Preprocess(scale=1 / 255), "signed": SIGNED, "caffe": CAFFE}
)
"""0 to 255; 0 to 1; -1 to 1; blue first with ImageNet's means taken off."""


class HasModelFile(Params):
    """Mixin for param modelFile."""

    modelFile: Param[str] = Param(
        Params._dummy(), "modelFile", "a .keras file on the driver's machine.", typeConverter=TypeConverters.toString
    )

    def getModelFile(self) -> str:
        """The model file."""
        return self.getOrDefault(self.modelFile)


class KerasTransformer(
    Transformer,
    KeywordStage,
    HasInputCol,
    HasOutputCol,
    HasModelFile,
    DefaultParamsReadable[Any],
    DefaultParamsWritable,
):
    """Arrays of numbers, or vectors, through a Keras model of one input and one output.

    An array has as many numbers as the model's input and is brought to its shape; the output is flattened. Models are
    loaded in Keras' safe mode, and there is no way round it: one with code of its own is refused.

    Args:
        inputCol: arrays of numbers of any depth, or vectors. Null gives null.
        outputCol: vectors.
        modelFile: a `.keras` file.
    """

    def transformSchema(self, schema: StructType) -> StructType:
        """The schema with the output column, after all that can be checked before any work.

        Raises:
            UsageError: a column that is missing, of the wrong type, or there already.
            ModelFileError: no such file, a damaged one, or one with code of its own.
        """
        name = needed(self, self.inputCol)
        kind = input_type(schema, name)
        if not is_numbers(kind):
            raise UsageError(
                f"Column {name!r} is {kind.simpleString()}; a Keras model takes arrays of numbers or vectors."
            )
        refuse_existing(schema, self.getOutputCol())
        check_keras_file(needed(self, self.modelFile))
        return StructType([*schema.fields, StructField(self.getOutputCol(), VectorUDT(), nullable=True)])

    def _transform(self, dataset: DataFrame) -> DataFrame:
        self.transformSchema(dataset.schema)
        model = share(context_of(dataset.sparkSession), check_keras_file(self.getModelFile()))
        function = once(column_function(lambda arrays: _arrays_through(model, arrays), VectorUDT()))
        return dataset.withColumn(self.getOutputCol(), function(numbers(dataset.schema, self.getInputCol())))


def _arrays_through(model: SharedFile, arrays: pa.Array) -> pa.StructArray:
    from landuse.spark_ml.keras_workers import transform_arrays  # imports TensorFlow, in the worker

    return transform_arrays(model, arrays)


class KerasImageParams(KeywordStage, HasInputCol, HasOutputCol, HasPredictionCol, HasLabelCol):
    """What an estimator of Keras models and its models share."""

    preprocess: Param[str] = Param(
        Params._dummy(),
        "preprocess",
        f"what happens to pictures (red first, 0 to 255) before the model: {', '.join(PREPROCESS)}.",
        typeConverter=TypeConverters.toString,
    )

    def getPreprocess(self) -> str:
        """The value of preprocess."""
        return self.getOrDefault(self.preprocess)

    def preparation(self) -> Preprocess:
        """What `preprocess` names. Raises `UsageError` for a name that is not known."""
        if self.getPreprocess() not in PREPROCESS:
            raise UsageError(f"preprocess is one of {', '.join(PREPROCESS)}, not {self.getPreprocess()!r}.")
        return PREPROCESS[self.getPreprocess()]

    def answered(self, schema: StructType) -> StructType:
        """The schema with both output columns, after all checks of columns. Raises `UsageError`."""
        check_pictures(schema, needed(self, self.inputCol), None)
        self.preparation()
        output, prediction = self.getOutputCol(), self.getPredictionCol()
        refuse_existing(schema, output, prediction)
        fields = [StructField(output, VectorUDT(), nullable=True), StructField(prediction, DoubleType(), nullable=True)]
        return StructType([*schema.fields, *fields])


class KerasImageModel(Model, KerasImageParams, MLWritable, MLReadable["KerasImageModel"]):
    """What `KerasImageEstimator` gives: the output of a Keras model as vectors, and the class that is highest in them.

    A single output above 0.5 is class 1. Null and unreadable pictures get null. Saving it saves the model file too.

    Attributes:
        history: what Keras noted of each epoch, by name.
    """

    _defaults = MappingProxyType({"preprocess": "none"})

    def __init__(self, file: Path | None = None, history: Mapping[str, list[float]] | None = None) -> None:
        super().__init__()
        self._file = file
        self.history = dict(history or {})

    @property
    def file(self) -> Path:
        """The model file, in a folder of this process: copy it to keep it."""
        if self._file is None:
            raise UsageError("This KerasImageModel holds no model; fit a KerasImageEstimator, or load a saved one.")
        return self._file

    def transformSchema(self, schema: StructType) -> StructType:
        """The schema with both output columns. Raises `UsageError` for columns that do not fit."""
        return self.answered(schema)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        self.transformSchema(dataset.schema)
        model, preparation = share(context_of(dataset.sparkSession), self.file), self.preparation()
        function = once(column_function(lambda images: _pictures_through(model, preparation, images), VectorUDT()))
        out = dataset.withColumn(self.getOutputCol(), function(column(self.getInputCol())))
        return out.withColumn(self.getPredictionCol(), _highest(column(self.getOutputCol())))

    def write(self) -> MLWriter:
        """A writer of the params and of the model file."""
        return _KerasImageModelWriter(self)

    @classmethod
    def read(cls) -> MLReader[KerasImageModel]:
        """A reader of what `write` wrote; nothing of the model runs when it is read."""
        return _KerasImageModelReader()


def keep_file(data: bytes) -> Path:
    """A model file of these bytes among this process's files."""
    path = scratch() / f"{hashlib.sha256(data).hexdigest()[:DIGITS]}{KERAS}"
    if not path.exists():
        path.write_bytes(data)
    return path


def _pictures_through(model: SharedFile, preparation: Preprocess, images: pa.Array) -> pa.StructArray:
    from landuse.spark_ml.keras_workers import transform_pictures  # imports TensorFlow, in the worker

    return transform_pictures(model, preparation, images)


def _highest(vector: Column) -> Column:
    """The position of the highest number of a vector; of a single one, whether it is above a half."""
    scores = vector_to_array(vector)
    position = array_position(scores, array_max(scores)) - 1
    answer = when(size(scores) == 1, (scores[0] > 0.5).cast("double")).otherwise(position.cast("double"))
    return when(vector.isNotNull(), answer)


class _KerasImageModelWriter(MLWriter):
    def __init__(self, instance: KerasImageModel) -> None:
        super().__init__()
        self._instance = instance

    def saveImpl(self, path: str) -> None:
        """Write the params, and the model file as a table of one row, which any file system of Spark's can hold."""
        extra: dict[str, Any] = {"history": self._instance.history}
        DefaultParamsWriter.saveMetadata(self._instance, path, self.sparkSession, extraMetadata=extra)
        rows = [(bytearray(self._instance.file.read_bytes()),)]
        self.sparkSession.createDataFrame(rows, "model binary").coalesce(1).write.parquet(f"{path}/model")


class _KerasImageModelReader(MLReader[KerasImageModel]):
    def load(self, path: str) -> KerasImageModel:
        """The model that was saved at a path. Raises `UsageError` where there is none."""
        metadata = DefaultParamsReader.loadMetadata(path, self.sparkSession)
        row = self.sparkSession.read.parquet(f"{path}/model").select("model").first()
        if row is None:
            raise UsageError(f"{path} holds no Keras model; save it again.")
        model = KerasImageModel(check_keras_file(keep_file(bytes(row[0]))), metadata.get("history"))
        model._resetUid(metadata["uid"])
        DefaultParamsReader.getAndSetParams(model, metadata)
        return model
