"""Models of this package in pipelines and in SQL: pictures to features for other stages, or to classes to read."""

# ruff: noqa: N802, N815 -- names are those of pyspark.ml

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

from pyspark.ml import Transformer
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasOutputCol
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import DataType, StructField, StructType
from pyspark.sql.udf import UserDefinedFunction

from landuse.errors import UsageError
from landuse.models.bundle import find_bundle
from landuse.spark_ml.columns import CLASSES, check_pictures, check_shape, column, refuse_existing
from landuse.spark_ml.workers import ImageJob, classes_function, features_function, find_model, image_job, once

BUILTIN = "builtin"
TOP = 5
Output = Literal["classes", "features"]
_NAME = re.compile(r"[A-Za-z_]\w*")


class KeywordStage(Params):
    """A stage whose params are set by name, when it is made and later; None leaves a param as it is."""

    _defaults: ClassVar[Mapping[str, object]] = MappingProxyType({})

    def __init__(self, **params: Any) -> None:  # noqa: ANN401
        super().__init__()
        self._setDefault(**self._defaults)
        self.setParams(**params)

    def setParams(self, **params: Any) -> Self:  # noqa: ANN401
        """Set params by name. Raises `TypeError` for a name that is no param of the stage."""
        for name in params:
            if not self.hasParam(name):
                raise TypeError(f"{type(self).__name__} has no param {name!r}.")
        return self._set(**{name: value for name, value in params.items() if value is not None})


class HasInputShape(Params):
    """Mixin for param inputShape."""

    inputShape: Param[list[int]] = Param(
        Params._dummy(),
        "inputShape",
        "[height, width] or [height, width, channels] of flat arrays, red first; not needed for other columns.",
        typeConverter=TypeConverters.toListInt,
    )

    def getInputShape(self) -> list[int] | None:
        """The shape of flat arrays, None where it is not set."""
        return self.getOrDefault(self.inputShape) if self.isDefined(self.inputShape) else None


def _model_name(value: Any) -> str:  # noqa: ANN401
    """A model's name or file as text. Raises `ModelFileError`, which lists the names, where there is none."""
    name: str = TypeConverters.toString(value)
    find_bundle(name)
    return name


class HasModelName(Params):
    """Mixin for param modelName, which is refused when it is set and there is no such model."""

    modelName: Param[str] = Param(
        Params._dummy(),
        "modelName",
        "name of a shipped model, or a .landuse file on the driver's machine.",
        typeConverter=_model_name,
    )

    def getModelName(self) -> str:
        """The model's name or file."""
        return self.getOrDefault(self.modelName)


def needed(stage: Params, param: Param[str]) -> str:
    """The value of a param that has no default. Raises `UsageError` where it is not set."""
    if not stage.isDefined(param):
        raise UsageError(f"{type(stage).__name__} needs {param.name}.")
    return stage.getOrDefault(param)


class ImageStage(
    Transformer,
    KeywordStage,
    HasInputCol,
    HasOutputCol,
    HasModelName,
    HasInputShape,
    DefaultParamsReadable[Any],
    DefaultParamsWritable,
):
    """What both transformers of pictures share: their params, their checks, and one output column."""

    def transformSchema(self, schema: StructType) -> StructType:
        """The schema with the output column, after all that can be checked before any work.

        Raises:
            UsageError: a column that is missing, of the wrong type, or there already; a param that cannot be right.
            ModelFileError: an unknown model or a damaged file.
        """
        shape = self.getInputShape()
        check_shape(shape)
        check_pictures(schema, needed(self, self.inputCol), shape)
        refuse_existing(schema, self.getOutputCol())
        find_model(self.getModelName())
        return StructType([*schema.fields, StructField(self.getOutputCol(), self._answer_type(), nullable=True)])

    def _transform(self, dataset: DataFrame) -> DataFrame:
        self.transformSchema(dataset.schema)
        shape = self.getInputShape()
        path, _ = find_model(self.getModelName())
        job = image_job(dataset.sparkSession, path, tuple(shape) if shape else None)
        return dataset.withColumn(self.getOutputCol(), once(self._function(job))(column(self.getInputCol())))

    @abstractmethod
    def _answer_type(self) -> DataType:
        """The type of the output column."""

    @abstractmethod
    def _function(self, job: ImageJob) -> UserDefinedFunction:
        """The function from the input to the output column."""


class ChipFeaturizer(ImageStage):
    """Pictures to the feature vectors of a model's backbone, for the estimators of pyspark.ml.

    Null and unreadable pictures get null; drop them before a stage that takes no nulls.

    Args:
        inputCol: image structs (blue first, as Spark has them), encoded files, or arrays of 0 to 255 (red first).
        outputCol: vectors of the backbone's features.
        modelName: a shipped model, or a `.landuse` file.
        inputShape: [height, width] or [height, width, channels] of flat arrays.
    """

    _defaults = MappingProxyType({"modelName": BUILTIN})

    def _answer_type(self) -> DataType:
        return VectorUDT()

    def _function(self, job: ImageJob) -> UserDefinedFunction:
        return features_function(job)


class ChipPredictor(ImageStage):
    """Pictures to the likeliest classes of a model, as an array of (class, probability), likeliest first.

    Null and unreadable pictures get null.

    Args:
        inputCol: as for `ChipFeaturizer`.
        modelName: likewise.
        inputShape: likewise.
        outputCol: array of struct(class, probability).
        topK: at most so many classes.
    """

    topK: Param[int] = Param(
        Params._dummy(), "topK", "at most so many classes, likeliest first.", typeConverter=TypeConverters.toInt
    )

    _defaults = MappingProxyType({"modelName": BUILTIN, "topK": TOP})

    def getTopK(self) -> int:
        """The value of topK."""
        return self.getOrDefault(self.topK)

    def transformSchema(self, schema: StructType) -> StructType:
        """As `ImageStage.transformSchema`; also raises `UsageError` for a topK below 1."""
        check_top(self.getTopK())
        return super().transformSchema(schema)

    def _answer_type(self) -> DataType:
        return CLASSES

    def _function(self, job: ImageJob) -> UserDefinedFunction:
        return classes_function(job, self.getTopK())


def check_top(top: int) -> None:
    """Raise `UsageError` unless at least one class is asked for."""
    if top < 1:
        raise UsageError(f"topK is at least 1, not {top}.")


def register_model_udf(
    spark: SparkSession, name: str, model: str | Path, *, output: Output = "classes", top_k: int = TOP
) -> None:
    """Make a model a function of SQL: `SELECT name(image) FROM ...`, for this session.

    The function takes image structs, encoded files or nested arrays, and gives null for what it cannot read.

    Args:
        spark: the session.
        name: of the function.
        model: a shipped model, or a `.landuse` file.
        output: "classes" gives array<struct<class, probability>>, likeliest first; "features" the feature vector.
        top_k: at most so many classes.

    Raises:
        UsageError: a name that SQL does not take, an unknown output, or a top_k below 1.
        ModelFileError: an unknown model or a damaged file.
    """
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"{name!r} cannot be a function of SQL; use letters, digits and underscores.")
    if output not in ("classes", "features"):
        raise UsageError(f"output is classes or features, not {output!r}.")
    check_top(top_k)
    path, _ = find_model(str(model))
    job = image_job(spark, path)
    function = classes_function(job, top_k) if output == "classes" else features_function(job)
    spark.udf.register(name, function)
