"""From a classifier that Spark MLlib fitted on a model's features to a model file of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyspark.ml.classification import LogisticRegressionModel, RandomForestClassificationModel

from landuse.errors import UsageError
from landuse.legend import Legend
from landuse.models.bundle import Bundle
from landuse.models.heads import Head
from landuse.models.heads_forest import forest_of, logistic_of
from landuse.spark_ml.inference import find_model

Classifier = LogisticRegressionModel | RandomForestClassificationModel


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
    return replace(base, name=name, head=head, legend=legend, calibration={}, training=said, metrics={}, card="")
