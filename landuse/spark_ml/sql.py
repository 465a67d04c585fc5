"""Models as functions of Spark SQL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pyspark.sql import SparkSession

from landuse.errors import UsageError
from landuse.spark_ml.inference import classes_function, features_function, find_model, image_job
from landuse.spark_ml.stages import TOP, check_top

Output = Literal["classes", "features"]
_NAME = re.compile(r"[A-Za-z_]\w*")


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
