"""Keras model files, checked without TensorFlow before any work; and one over a column of arrays, as a stage of pyspark.ml."""

# ruff: noqa: N802, N815 -- names are those of pyspark.ml

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
from pyspark import keyword_only
from pyspark.ml import Transformer
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasOutputCol
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql.types import StructField, StructType

from landuse.engine.spark_runner import share
from landuse.engine.task import SharedFile
from landuse.errors import ModelFileError, UsageError
from landuse.spark_ml.inference import column_function, once
from landuse.spark_ml.schema import input_type, is_numbers, numbers, refuse_existing
from landuse.spark_ml.stages import KeywordStage, given, needed

SUFFIX = ".keras"
MAX_CONFIG = 16_000_000
LAMBDAS = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
"""Parts that carry code, which runs when they are loaded or called."""


def check_keras_file(name: str | Path) -> Path:
    """The path of a `.keras` file, after a look at its description.

    Raises:
        ModelFileError: there is none, it is damaged, or it holds code of its own.
    """
    path = Path(name)
    if path.suffix != SUFFIX or not path.is_file():
        raise ModelFileError(f"There is no model file {str(name)!r}: give a {SUFFIX} file.")
    for part in _parts(_description(path)):
        kind, module = str(part.get("class_name")), part.get("module")
        foreign = isinstance(module, str) and module != "builtins" and module.split(".")[0] != "keras"
        if kind in LAMBDAS or foreign or (module is None and part.get("registered_name")):
            _refuse(path, f"its {kind[:60]!r} is code of its own, and only Keras' own layers are loaded")
    return path


def _description(path: Path) -> object:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > MAX_CONFIG:
                _refuse(path, "its description is larger than one can be")
            found: object = json.loads(archive.read("config.json"))
            return found
    except (
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        OSError,
        ValueError,
        RecursionError,
        NotImplementedError,
    ) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path} is not a {SUFFIX} file, or was cut short: save the model again.") from error


def _parts(node: object) -> Iterator[dict[str, Any]]:
    """Every described object of a configuration, without recursion."""
    waiting: list[object] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "class_name" in one:
                yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _refuse(path: Path, reason: str) -> NoReturn:
    raise ModelFileError(f"{path} cannot be used as a model: {reason}.")


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
