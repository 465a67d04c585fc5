"""A Keras model over a column of arrays, as a stage of pyspark.ml."""

# ruff: noqa: N802, N815 -- names are those of pyspark.ml

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyspark import keyword_only
from pyspark.ml import Transformer
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasOutputCol
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql.types import StructField, StructType

from landuse.engine.shared_file import SharedFile, share
from landuse.errors import UsageError
from landuse.spark_ml.inference import column_function, once
from landuse.spark_ml.keras_file import check_keras_file
from landuse.spark_ml.schema import input_type, is_numbers, numbers, refuse_existing
from landuse.spark_ml.stages import KeywordStage, given, needed


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

    @keyword_only
    def __init__(
        self, *, inputCol: str | None = None, outputCol: str | None = None, modelFile: str | None = None
    ) -> None:
        super().__init__()
        self._set(**given(self))

    @keyword_only
    def setParams(
        self, *, inputCol: str | None = None, outputCol: str | None = None, modelFile: str | None = None
    ) -> KerasTransformer:
        """Set params by name."""
        return self._set(**given(self))

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
        model = share(dataset.sparkSession.sparkContext, check_keras_file(self.getModelFile()))
        function = once(column_function(lambda arrays: _transformed(model, arrays), VectorUDT()))
        return dataset.withColumn(self.getOutputCol(), function(numbers(dataset.schema, self.getInputCol())))


def _transformed(model: SharedFile, arrays: pa.Array) -> pa.StructArray:
    from landuse.spark_ml.keras_inference import transform_arrays  # imports TensorFlow, in the worker

    return transform_arrays(model, arrays)
