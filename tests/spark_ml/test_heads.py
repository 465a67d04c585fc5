"""A classifier of Spark MLlib on a model's features becomes a model file."""

import numpy as np
import pytest

from landuse.errors import UsageError
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.runtime import open_runtime
from landuse.spark_ml import bundle_of, head_of
from tests.models import small

pytestmark = pytest.mark.spark


def test_a_fitted_classifier_becomes_a_model(spark, model, tmp_path):
    from pyspark.ml.classification import LogisticRegression

    from landuse.spark_ml.heads import fitting_frame

    images = small.images(60)
    features = open_runtime(model).predict(images).features
    labels = np.arange(60) % 2
    data, _ = fitting_frame(spark, features, labels, np.ones(60), 2)
    fitted = LogisticRegression(regParam=0.01).fit(data)
    bundle = bundle_of(fitted, str(model), ["Town", "Field"], "mine")
    theirs = np.array([row[0].toArray() for row in fitted.transform(data).select("probability").collect()])
    again = read_bundle(write_bundle(bundle, tmp_path / "m.landuse"))
    assert again.legend.names == ("Town", "Field")
    assert np.abs(open_runtime(again).predict(images).probabilities - theirs).max() < 1e-4
    with pytest.raises(UsageError, match="3 labels"):
        bundle_of(fitted, str(model), ["a", "b", "c"])
    with pytest.raises(UsageError, match="no logistic regression"):
        head_of("nothing")
