"""Forests, and heads fitted by Spark MLlib: what comes out is plain arrays, which no worker needs Spark to apply."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from landuse.errors import EngineError, UsageError
from landuse.models.arrays import Floats
from landuse.models.heads import Arrays, Factor, Labels, LogisticHead, SoftmaxHead
from landuse.models.heads_linear import Exact, Penalty, Standard, logistic_head, present_classes

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.ml.classification import LogisticRegressionModel, RandomForestClassificationModel
    from pyspark.sql import DataFrame, SparkSession

Indices = npt.NDArray[np.int32]
LEAF = -1
DEEPEST = 30
"""What Spark MLlib allows."""
SMALLEST = 1e-6
"""What a probability of 0 counts as in a score: a leaf that never saw a class does not rule it out for good."""
FEATURES, LABEL, WEIGHT = "features", "label", "weight"
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class ForestHead(SoftmaxHead):
    """Decision trees whose leaves' class shares are averaged.

    A row goes left where its feature is at most the threshold. Children stand behind their parents, so that every walk ends.

    Attributes:
        roots: int32 (T,), node of each tree's root.
        feature: int32 (N,), which feature a node asks for; 0 in a leaf.
        threshold: float32 (N,).
        left, right: int32 (N,), node of either child; -1 in a leaf.
        shares: float32 (N, K), class shares of a node's samples; used in leaves.
        factor, offset: float32 (K,), of the scores, which are the logarithms of the mean shares.
        width: D.
        temperature: what the scores are divided by; above 0.
    """

    roots: Indices
    feature: Indices
    threshold: Floats
    left: Indices
    right: Indices
    shares: Floats
    factor: Floats
    offset: Floats
    width: int
    temperature: float = 1.0
    kind: ClassVar[Literal["forest"]] = "forest"

    @property
    def feature_count(self) -> int:
        """D."""
        return self.width

    @property
    def class_count(self) -> int:
        """K."""
        return int(self.shares.shape[1])

    def leaves(self, features: Floats) -> Indices:
        """The leaf of each row in each tree, int32 (n, T)."""
        rows = np.arange(len(features))[:, None]
        nodes = np.broadcast_to(self.roots, (len(features), len(self.roots)))
        for _ in range(DEEPEST + 1):
            inner = self.left[nodes] != LEAF
            if not inner.any():
                break
            goes_left = features[rows, self.feature[nodes]] <= self.threshold[nodes]
            nodes = np.where(inner, np.where(goes_left, self.left[nodes], self.right[nodes]), nodes)
        return nodes

    def votes(self, features: Floats) -> npt.NDArray[np.float64]:
        """Mean class shares (n, K) of the leaves that rows fall into: the probabilities before calibration."""
        total = np.zeros((len(features), self.class_count))
        for leaves in self.leaves(np.asarray(features, np.float32)).T:
            total += self.shares[leaves]
        return total / len(self.roots)

    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K): logarithms of the votes, scaled; temperature included."""
        logs = np.log(self.votes(features) + SMALLEST)
        return (logs * self.factor.astype(np.float64) + self.offset.astype(np.float64)) / self.temperature

    def apply(self, features: Floats) -> Floats:
        """Probabilities float32 (n, K) of features (n, D); without calibration the votes themselves."""
        plain = self.temperature == 1 and (self.factor == 1).all() and not self.offset.any()
        return np.asarray(self.votes(features), np.float32) if plain else super().apply(features)

    def scaled(self, scale: Factor, offset: Factor, temperature: float) -> ForestHead:
        """The head with other scores."""
        factor, shift = self.factor * scale, self.offset * scale + offset
        return replace(self, factor=factor.astype(np.float32), offset=shift.astype(np.float32), temperature=temperature)

    def arrays(self) -> Arrays:
        """Everything but the number of features."""
        names = ("roots", "feature", "threshold", "left", "right", "shares", "factor", "offset")
        return {name: getattr(self, name) for name in names}

    def check(self) -> None:
        """Raise `UsageError` unless every walk from a root ends in a leaf within `DEEPEST` steps, inside all arrays."""
        count, own = len(self.left), np.arange(len(self.left))
        leaf = self.left == LEAF
        children = np.where(leaf[:, None], -1, np.stack([self.left, self.right], axis=1))
        sound = (
            len(self.roots) > 0
            and ((self.roots >= 0) & (self.roots < count)).all()
            and ((self.feature >= 0) & (self.feature < self.width)).all()
            and ((self.right == LEAF) == leaf).all()
            and (leaf[:, None] | (children > own[:, None])).all()
            and (children < count).all()
            and (self.shares >= 0).all()
            and np.allclose(self.shares[leaf].sum(axis=1), 1, atol=1e-3)
        )
        if not sound:
            raise UsageError("a tree of its head leads nowhere")
        level = np.unique(self.roots)
        for _ in range(DEEPEST):
            level = np.unique(children[level][~leaf[level]])
        if not leaf[level].all():
            raise UsageError(f"a tree of its head is deeper than {DEEPEST}")


@dataclass(frozen=True)
class ForestRule:
    """What a forest is like.

    Attributes:
        trees: how many (`numTrees`).
        depth: most steps from a root to a leaf, up to 30 (`maxDepth`).
        seed: of the draws of samples and features.
    """

    trees: int = 100
    depth: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.trees < 1 or not 1 <= self.depth <= DEEPEST:
            raise UsageError(f"A forest has a tree at least, of depth 1 to {DEEPEST}, not {self}.")


def fit_logistic_spark(data: DataFrame, present: npt.NDArray[np.int64], classes: int, penalty: Penalty) -> LogisticHead:
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


def fit_forest_spark(data: DataFrame, present: npt.NDArray[np.int64], classes: int, rule: ForestRule) -> ForestHead:
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
) -> LogisticHead:
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
    """All nodes, by tree and number, as MLlib writes them to a file: there is no quicker way out of the JVM."""
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
    """A folder that the driver and the workers both see, for a moment: a local one, or on a cluster one of its own."""
    context = session.sparkContext
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
