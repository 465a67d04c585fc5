"""Stages that run Keras: one import of TensorFlow here, and one in one worker."""

import numpy as np
import pytest

from landuse.engine.watch import end_daemons
from landuse.errors import LanduseWarning, ModelFileError, UsageError
from landuse.mosaic.picture import fit
from landuse.spark_ml import KerasImageEstimator, KerasImageModel, KerasTransformer
from tests.spark_ml.made import encoded

pytestmark = pytest.mark.spark
PX = 8
FIT = {"epochs": 12, "batch_size": 8, "validation_split": 0.25, "class_weight": {"0": 1.0, "1": 2.0}}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model of vectors (2, 2) -> 3, and one of pictures with two classes, from fixed weights."""
    import keras

    keras.utils.set_random_seed(1)
    folder = tmp_path_factory.mktemp("keras")
    layers = keras.layers
    keras.Sequential([keras.Input((2, 2)), layers.Flatten(), layers.Dense(3)]).save(folder / "arrays.keras")
    picture = [keras.Input((PX, PX, 3)), layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax")]
    keras.Sequential(picture).save(folder / "pictures.keras")
    lambdas = keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x + 1)])
    lambdas.save(folder / "lambda.keras")
    return folder


@pytest.fixture(scope="module", autouse=True)
def one_worker(spark):
    """No worker is left of other tests: Spark takes them in turn, and each imports TensorFlow."""
    end_daemons(spark.sparkContext)


@pytest.fixture(scope="module")
def labelled(spark):
    """40 pictures, dark ones labelled 0 and bright ones 1; one cannot be read."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 100, (10, 12, 3), dtype=np.uint8) + np.uint8(130 * (i % 2)) for i in range(40)]
    rows = [(i, bytearray(encoded(image)), float(i % 2)) for i, image in enumerate(images)]
    rows[5] = (5, bytearray(b"no"), 1.0)
    return images, spark.createDataFrame(rows, "id int, image binary, label double").coalesce(1).cache()


def estimator(files, **options):
    given = {
        "inputCol": "image",
        "outputCol": "probability",
        "modelFile": str(files / "pictures.keras"),
        "kerasFitParams": FIT,
        "learningRate": 0.1,
        "preprocess": "signed",
    }
    return KerasImageEstimator(**given | options)


def test_arrays_through_a_keras_model(spark, files):
    from pyspark.ml.linalg import Vectors, VectorUDT
    from pyspark.sql.types import ArrayType, DoubleType, StructType

    rows = [
        ([1.0, 2.0, 3.0, 4.0], Vectors.dense(1, 2, 3, 4)),
        ([1.0, None, 3.0, 4.0], None),
        (None, Vectors.sparse(4, {1: 2.0})),
    ]
    schema = StructType().add("a", ArrayType(DoubleType())).add("v", VectorUDT())
    frame = spark.createDataFrame(rows, schema).coalesce(1)
    found = {}
    for name in ("a", "v"):  # one after the other: stages of one job run in workers of their own, each with TensorFlow
        stage = KerasTransformer(inputCol=name, outputCol="out", modelFile=str(files / "arrays.keras"))
        found[name] = [row["out"] for row in stage.transform(frame).collect()]
    import keras

    model = keras.saving.load_model(files / "arrays.keras")
    expected = model.predict_on_batch(np.array([[[1, 2], [3, 4]], [[0, 2], [0, 0]]], np.float32))
    np.testing.assert_allclose(found["a"][0].toArray(), expected[0], atol=1e-4)
    np.testing.assert_allclose(found["v"][0].toArray(), expected[0], atol=1e-4)
    np.testing.assert_allclose(found["v"][2].toArray(), expected[1], atol=1e-4)
    assert [found["a"][1], found["a"][2], found["v"][1]] == [None, None, None]


def test_a_model_with_code_of_its_own_is_refused(spark, files):
    frame = spark.createDataFrame([], "a array<double>, text string")
    with pytest.raises(ModelFileError, match="'Lambda' is not supported"):
        KerasTransformer(inputCol="a", outputCol="b", modelFile=str(files / "lambda.keras")).transform(frame)
    with pytest.raises(UsageError, match="'text' is string"):
        KerasTransformer(inputCol="text", outputCol="b", modelFile=str(files / "arrays.keras")).transform(frame)
    with pytest.raises(UsageError, match="needs modelFile"):
        KerasTransformer(inputCol="a", outputCol="b").transform(frame)


def test_trained_saved_and_loaded_in_a_pipeline(labelled, files, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel

    images, frame = labelled
    pipeline = Pipeline(stages=[estimator(files)])
    pipeline.write().save(str(tmp_path / "unfitted"))
    assert Pipeline.load(str(tmp_path / "unfitted")).getStages()[0].getKerasFitParams() == FIT
    with pytest.warns(LanduseWarning, match="1 of 40 rows"):
        fitted = pipeline.fit(frame)
    found = fitted.transform(frame).orderBy("id").collect()
    assert found[5]["prediction"] is None
    assert found[5]["probability"] is None
    good = [row for row in found if row["id"] != 5]
    assert np.mean([row["prediction"] == row["label"] for row in good]) > 0.9
    model = fitted.stages[0]
    assert len(model.history["loss"]) == len(model.history["val_loss"]) == 12
    again = estimator(files).fit(frame.where("id != 5"))
    assert again.history == model.history, "the same seed gave another model"
    import keras

    batch = np.stack([fit(image, PX) for image in images]).astype(np.float32) / 127.5 - 1
    expected = keras.saving.load_model(model.file, compile=False).predict_on_batch(batch)
    np.testing.assert_allclose([r["probability"].toArray() for r in good], np.delete(expected, 5, axis=0), atol=1e-4)

    fitted.write().save(str(tmp_path / "fitted"))
    loaded = PipelineModel.load(str(tmp_path / "fitted"))
    assert isinstance(loaded.stages[0], KerasImageModel)
    assert loaded.stages[0].history == model.history
    assert loaded.transform(frame).orderBy("id").collect() == found


def test_the_best_learning_rate_is_found(labelled, files):
    """By Spark's own tuning, which fits from two threads."""
    from pyspark.ml.evaluation import MulticlassClassificationEvaluator
    from pyspark.ml.tuning import ParamGridBuilder, TrainValidationSplit

    one = estimator(files, kerasFitParams={"epochs": 8, "batch_size": 8})
    grid = ParamGridBuilder().addGrid(one.learningRate, [1e-7, 0.1]).build()
    tuning = TrainValidationSplit(
        estimator=one,
        estimatorParamMaps=grid,
        evaluator=MulticlassClassificationEvaluator(metricName="accuracy"),
        trainRatio=0.5,
        seed=3,
        parallelism=2,
    )
    fitted = tuning.fit(labelled[1].where("id != 5"))
    assert len(fitted.validationMetrics) == 2
    assert fitted.validationMetrics[1] > fitted.validationMetrics[0]
    assert fitted.bestModel.getPreprocess() == "signed"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"modelFile": "nosuch.keras"}, "no model file 'nosuch.keras'"),
        ({"labelCol": "name"}, "no column 'name'"),
        ({"labelCol": "image"}, "labels are numbers"),
        ({"predictionCol": "label"}, "'label' already"),
        ({"predictionCol": "probability"}, "'probability' already"),
        ({"preprocess": "magic"}, "preprocess is one of"),
        ({"kerasFitParams": {"callbacks": []}}, "has 'callbacks'"),
        ({"seed": -1}, "A seed is"),
    ],
)
def test_mistakes_are_told_before_any_work(labelled, files, options, sentence):
    with pytest.raises((UsageError, ModelFileError), match=sentence):
        estimator(files, **options).fit(labelled[1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kerasLoss": "regret"}, "Keras cannot train pictures.keras as asked"),
        ({"kerasOptimizer": "hope"}, "Keras cannot train"),
        ({"modelFile": "arrays.keras"}, "not square pictures"),
        ({"kerasFitParams": {"validation_split": 1.0}}, "leaves no pictures"),
    ],
)
def test_what_keras_refuses_is_told_in_a_sentence(labelled, files, options, sentence):
    if "modelFile" in options:
        options = {"modelFile": str(files / options["modelFile"])}
    with pytest.raises((UsageError, ModelFileError), match=sentence):
        estimator(files, **options).fit(labelled[1].where("id < 4"))
