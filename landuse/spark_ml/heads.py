"""Heads fitted by Spark MLlib: what comes out is plain arrays, which no worker needs Spark to apply."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pyspark.ml.classification import LogisticRegressionModel, RandomForestClassificationModel

from landuse.errors import EngineError, UsageError
from landuse.legend import Legend
from landuse.models.bundle import Bundle
from landuse.models.heads import LEAF, DenseHead, ForestHead, Head, Labels
from landuse.models.heads_linear import Exact, Penalty, Standard, logistic_head, present_classes
from landuse.models.libraries import Floats
from landuse.options.training import HeadOptions
from landuse.spark_ml.workers import context_of, find_model

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.ml.classification import LogisticRegressionModel, RandomForestClassificationModel
    from pyspark.sql import DataFrame, SparkSession

FEATURES, LABEL, WEIGHT = "features", "label", "weight"
TOLERANCE = 1e-9
Classifier = LogisticRegressionModel | RandomForestClassificationModel


def fit_logistic_spark(data: DataFrame, present: npt.NDArray[np.int64], classes: int, penalty: Penalty) -> DenseHead:
    """Fit `pyspark.ml.classification.LogisticRegression` where the rows are.

    Args:
        data: the columns features (vectors), label (0 to P - 1) and weight.
        present: position of each of the P labels among the classes.
        classes: K.
        penalty: its regParam, elasticNetParam and maxIter.
    """
    from pyspark.ml.classification import LogisticRegression

    model = LogisticRegression(
        regParam=penalty.reg_param,
        elasticNetParam=penalty.elastic_net,
        maxIter=penalty.max_iter,
        tol=TOLERANCE,
        weightCol=WEIGHT,
    ).fit(data)
    return logistic_of(model, present, classes)


def fit_forest_spark(data: DataFrame, present: npt.NDArray[np.int64], classes: int, rule: HeadOptions) -> ForestHead:
    """Fit `pyspark.ml.classification.RandomForestClassifier`; arguments as for `fit_logistic_spark`."""
    from pyspark.ml.classification import RandomForestClassifier

    model = RandomForestClassifier(numTrees=rule.trees, maxDepth=rule.depth, seed=rule.seed, weightCol=WEIGHT).fit(data)
    return forest_of(model, present, classes)


def fitting_frame(
    session: SparkSession, features: Floats, labels: Labels, weights: Exact, class_count: int
) -> tuple[DataFrame, npt.NDArray[np.int64]]:
    """Arrays as a data frame for the fits above, and the classes that occur. Raises as `fit_logistic`."""
    import pyarrow as pa
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql.functions import col

    present, own = present_classes(labels, class_count)
    count, depth = features.shape
    rows = pa.ListArray.from_arrays(
        np.arange(0, count * depth + 1, depth, dtype=np.int32), np.ascontiguousarray(features, np.float32).ravel()
    )
    table = pa.table({"array": rows, LABEL: own.astype(np.float64), WEIGHT: weights})
    frame = session.createDataFrame(table)
    return frame.select(array_to_vector(col("array")).alias(FEATURES), LABEL, WEIGHT), present


def logistic_of(
    model: LogisticRegressionModel, present: npt.NDArray[np.int64] | None = None, classes: int | None = None
) -> DenseHead:
    """The head of a fitted logistic regression; `present` and `classes` as in `fit_logistic_spark`, None for all."""
    found = np.concatenate([model.coefficientMatrix.toArray(), model.interceptVector.toArray()[:, None]], axis=1).T
    both: Exact = np.concatenate([-found, found], axis=1) / 2 if found.shape[1] == 1 else found
    where = np.arange(both.shape[1]) if present is None else present
    depth = len(both) - 1
    return logistic_head(both, Standard(np.zeros(depth), np.ones(depth)), where, classes or len(where))


def forest_of(
    model: RandomForestClassificationModel, present: npt.NDArray[np.int64] | None = None, classes: int | None = None
) -> ForestHead:
    """The head of a fitted random forest; `present` and `classes` as in `fit_logistic_spark`, None for all.

    Raises:
        EngineError: its nodes cannot be read back; a cluster needs a file system that driver and workers share.
    """
    nodes = _nodes(model)
    where = np.arange(model.numClasses) if present is None else present
    tree, number = nodes["treeID"].to_numpy(), nodes["id"].to_numpy()
    starts = np.flatnonzero(np.diff(tree, prepend=-1)).astype(np.int32)
    if len(nodes) != model.totalNumNodes or not np.array_equal(number, np.arange(len(tree)) - starts[tree]):
        raise EngineError("Spark wrote a forest that is not whole; its default file system must be one that all share.")
    left, right = (nodes[name].to_numpy() for name in ("leftChild", "rightChild"))
    inner = left >= 0
    stats = np.array(nodes["impurityStats"].to_pylist(), np.float64)
    shares = np.zeros((len(nodes), classes or len(where)), np.float32)
    shares[:, where] = stats / np.maximum(stats.sum(axis=1, keepdims=True), 1e-300)
    count = shares.shape[1]
    return ForestHead(
        roots=starts,
        feature=np.where(inner, nodes["featureIndex"].to_numpy(), 0).astype(np.int32),
        threshold=np.where(inner, _floored(nodes["threshold"].to_numpy(zero_copy_only=False)), 0).astype(np.float32),
        left=np.where(inner, left + starts[tree], LEAF).astype(np.int32),
        right=np.where(inner, right + starts[tree], LEAF).astype(np.int32),
        shares=shares,
        factor=np.ones(count, np.float32),
        offset=np.zeros(count, np.float32),
        width=int(model.numFeatures),
    )


def _floored(thresholds: npt.NDArray[np.float64]) -> Floats:
    """The largest float32 not above each number: for float32 values, `value <= it` says the same."""
    exact = np.nan_to_num(thresholds)
    near = exact.astype(np.float32)
    return np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)


def _nodes(model: RandomForestClassificationModel) -> pa.Table:
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import col, get

    session = SparkSession.builder.getOrCreate()
    with _folder(session) as folder:
        model.write().overwrite().save(folder)
        node = {name: col(f"nodeData.{name}") for name in ("id", "leftChild", "rightChild", "impurityStats")}
        node["featureIndex"] = col("nodeData.split.featureIndex")
        node["threshold"] = get(col("nodeData.split.leftCategoriesOrThreshold"), 0)
        rows = session.read.parquet(f"{folder}/data")
        table = rows.select("treeID", *[value.alias(name) for name, value in node.items()]).toArrow()
    return table.sort_by([("treeID", "ascending"), ("id", "ascending")]).combine_chunks()


@contextmanager
def _folder(session: SparkSession) -> Iterator[str]:
    context = context_of(session)
    master = context.master or ""
    if master.startswith("local") and not master.startswith("local-cluster"):
        with tempfile.TemporaryDirectory(prefix="landuse-") as scratch:
            yield (Path(scratch) / "forest").as_uri()
        return
    name = f".landuse-forest-{uuid.uuid4().hex}"
    jvm: Any = context._jvm
    path = jvm.org.apache.hadoop.fs.Path(name)
    files = path.getFileSystem(context._jsc.hadoopConfiguration())
    try:
        yield str(files.makeQualified(path).toString())
    finally:
        files.delete(path, True)


def head_of(model: Classifier) -> Head:
    """The head of a fitted logistic regression or random forest, whose probabilities are the model's own.

    Raises `UsageError` for a model of another kind.
    """
    if isinstance(model, LogisticRegressionModel):
        return logistic_of(model)
    if isinstance(model, RandomForestClassificationModel):
        return forest_of(model)
    raise UsageError(f"{type(model).__name__} is no logistic regression and no random forest of Spark MLlib.")


def bundle_of(model: Classifier, features: str, labels: Sequence[str] | Legend, name: str = "spark") -> Bundle:
    """A model for `landuse.models.bundle.write_bundle` and for all commands, of a classifier fitted in a pipeline.

    Args:
        model: fitted on the column that `ChipFeaturizer(modelName=features)` makes.
        features: the model whose backbone made the features.
        labels: class names in the order of the label's numbers, such as `StringIndexerModel.labels`; or a legend.
        name: of the new model.

    Raises:
        UsageError: another number of classes or of features than the classifier has, or a classifier of another kind.
        ModelFileError: no such model.
    """
    _, base = find_model(features)
    head = head_of(model)
    legend = labels if isinstance(labels, Legend) else Legend.of_names(labels, name)
    if head.class_count != len(legend) or head.feature_count != base.head.feature_count:
        raise UsageError(
            f"The classifier has {head.class_count} classes of {head.feature_count} features, but there are {len(legend)} "
            f"labels, and {features} makes {base.head.feature_count} features."
        )
    said = {"fitted": f"by {type(model).__name__} of Spark MLlib, not calibrated"}
    base = replace(base, survey_features=None, card="")
    return replace(base, name=name, head=head, legend=legend, calibration={}, training=said, metrics={})
