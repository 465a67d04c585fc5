import json

import numpy as np
import pytest

from landuse.errors import LanduseError, ModelFileError, UsageError
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.runtime import open_runtime
from landuse.mosaic.picture import decode, fit
from landuse.spark_ml import ChipFeaturizer, ChipPredictor, register_model_udf
from tests.models import small
from tests.spark_ml.made import IMAGE_SCHEMA, encoded, picture, struct_of

pytestmark = pytest.mark.spark
SCHEMA = f"id int, image {IMAGE_SCHEMA}, file binary, nested array<array<array<int>>>, flat array<float>, label double"
BROKEN = 7
SHAPE = (40, 50, 3)


@pytest.fixture(scope="module")
def pictures():
    return [picture(seed, *SHAPE) for seed in range(12)]


@pytest.fixture(scope="module")
def frame(spark, pictures):
    """12 rows of the same pictures in four forms, in 3 partitions; one row is broken, and one is null, in every form."""
    rows = [
        (i, struct_of(p), encoded(p), p.tolist(), p.ravel().astype(float).tolist(), float(i % 2))
        for i, p in enumerate(pictures)
    ]
    rows[BROKEN] = (BROKEN, struct_of(pictures[0]) | {"data": b"no"}, b"no", [[[1]], []], [1.0], 1.0)
    rows.append((len(pictures), None, None, None, None, 0.0))
    return spark.createDataFrame(rows, SCHEMA).repartition(3).cache()


@pytest.fixture(scope="module")
def expected(model, pictures):
    """What one process gives, without Spark."""
    return open_runtime(model).predict(np.stack([fit(p, small.PX) for p in pictures]))


def vectors(frame, name):
    return {row["id"]: None if row[name] is None else row[name].toArray() for row in frame.select("id", name).collect()}


def check(found, features):
    assert len(found) == len(features) + 1
    assert found[BROKEN] is None
    assert found[len(features)] is None
    for i, vector in enumerate(features):
        if i != BROKEN:
            np.testing.assert_allclose(found[i], vector, atol=1e-4)


def test_features_are_those_of_a_single_process_whatever_the_column(frame, model, expected):
    for name, options in {"image": {}, "file": {}, "nested": {}, "flat": {"inputShape": list(SHAPE)}}.items():
        stage = ChipFeaturizer(inputCol=name, outputCol="features", modelName=str(model), **options)
        check(vectors(stage.transform(frame), "features"), expected.features)


def test_predictions_are_the_likeliest_classes(frame, model, expected):
    out = ChipPredictor(inputCol="file", outputCol="classes", modelName=str(model), topK=2).transform(frame)
    assert out.schema["classes"].dataType.simpleString() == "array<struct<class:string,probability:double>>"
    found = {row["id"]: row["classes"] for row in out.select("id", "classes").collect()}
    assert found[BROKEN] is None
    for i, probabilities in enumerate(expected.probabilities):
        if i == BROKEN:
            continue
        best = np.argsort(-probabilities)[:2]
        assert [c["class"] for c in found[i]] == [small.LEGEND.names[b] for b in best]
        np.testing.assert_allclose([c["probability"] for c in found[i]], probabilities[best], atol=1e-4)


def test_each_picture_is_scored_once(frame, model):
    out = ChipPredictor(inputCol="file", outputCol="classes", modelName=str(model)).transform(frame)
    sure = out.where("classes is not null and classes[0].probability > 0.1").selectExpr("classes[0].class AS name")
    assert sure.groupBy("name").count()._jdf.queryExecution().executedPlan().toString().count("ArrowEvalPython") == 1


def test_more_classes_than_there_are_gives_all(frame, model):
    out = ChipPredictor(inputCol="file", outputCol="classes", modelName=str(model), topK=99)
    classes = out.transform(frame.where("id = 0")).first()["classes"]
    assert sorted(c["class"] for c in classes) == sorted(small.LEGEND.names)
    assert sum(c["probability"] for c in classes) == pytest.approx(1, abs=1e-5)


def test_in_a_pipeline_fitted_saved_and_loaded(frame, model, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.classification import LogisticRegression

    data = frame.where(f"id not in ({BROKEN}, 12)").coalesce(1).cache()
    stages = [
        ChipFeaturizer(inputCol="image", outputCol="features", modelName=str(model)),
        LogisticRegression(maxIter=5),
    ]
    pipeline = Pipeline(stages=stages)
    fitted = pipeline.fit(data)
    fitted.write().save(str(tmp_path / "fitted"))
    loaded = PipelineModel.load(str(tmp_path / "fitted"))
    columns = ["id", "features", "probability", "prediction"]
    assert loaded.transform(data).select(columns).collect() == fitted.transform(data).select(columns).collect()
    assert loaded.stages[0].extractParamMap() == fitted.stages[0].extractParamMap()
    metadata = json.loads(next((tmp_path / "fitted" / "stages").glob("0_*/metadata/part-*")).read_text())
    assert metadata["class"] == "landuse.spark_ml.stages.ChipFeaturizer"
    assert metadata["paramMap"] == {"inputCol": "image", "outputCol": "features", "modelName": str(model)}


def test_params_are_keywords_and_are_copied():
    with pytest.raises(TypeError, match="positional"):
        ChipFeaturizer("image")
    stage = ChipPredictor(inputCol="a", outputCol="b", topK=3)
    other = stage.copy({stage.topK: 1, stage.modelName: "builtin-ucmerced"})
    assert (other.getTopK(), other.getModelName(), other.getInputCol()) == (1, "builtin-ucmerced", "a")
    assert (stage.getTopK(), stage.getModelName()) == (3, "builtin")
    assert stage.setParams(topK=4).getTopK() == 4
    assert "topK" in stage.explainParams()
    with pytest.raises(TypeError):
        ChipPredictor(topK="many")
    with pytest.raises(TypeError, match="no param 'topk'"):
        ChipPredictor(topk=3)


@pytest.mark.parametrize("stage", [ChipFeaturizer, ChipPredictor])
def test_a_model_that_there_is_not_is_refused_when_it_is_set(stage, tmp_path):
    told = r"No model 'nope': give a .landuse file or a shipped model \(builtin, builtin-ucmerced\)"
    with pytest.raises(ValueError, match=told) as raised:
        stage(modelName="nope")
    assert isinstance(raised.value, ModelFileError)
    made = stage(inputCol="image")
    with pytest.raises(ModelFileError, match=r"No model .*gone.landuse"):
        made.setParams(modelName=str(tmp_path / "gone.landuse"))
    assert made.getModelName() == "builtin"


def text_frame(spark):
    columns = "image binary, text string, features int, bytes array<tinyint>, flat array<int>"
    return spark.createDataFrame([], columns)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"inputCol": "picture"}, "no column 'picture'.* it has image, text"),
        ({"inputCol": "text"}, "'text' is string"),
        ({"inputCol": "bytes"}, "'bytes' is array<tinyint>"),
        ({"inputCol": "flat"}, "give inputShape"),
        ({"inputCol": "flat", "inputShape": [2, 2, 2]}, "inputShape is"),
        ({"inputCol": "flat", "inputShape": [0, 2]}, "inputShape is"),
        ({"inputCol": "flat", "inputShape": [4]}, "inputShape is"),
        ({"inputCol": None}, "ChipPredictor needs inputCol"),
        ({"outputCol": "features"}, "column 'features' already"),
        ({"outputCol": "Features"}, "column 'Features' already"),
        ({"topK": 0}, "at least 1"),
    ],
)
def test_mistakes_are_told_before_any_work(spark, model, options, sentence):
    stage = ChipPredictor(**{"inputCol": "image", "outputCol": "out", "modelName": str(model)} | options)
    with pytest.raises(LanduseError, match=sentence) as raised:
        stage.transform(text_frame(spark))
    assert "\n" not in str(raised.value)


def test_damaged_and_unfit_models_are_refused(spark, tmp_path):
    (tmp_path / "bad.landuse").write_bytes(b"PK no")
    stage = ChipFeaturizer(inputCol="image", outputCol="out", modelName=str(tmp_path / "bad.landuse"))
    with pytest.raises(ModelFileError, match="not a model file"):
        stage.transform(text_frame(spark))


def test_names_with_dots_and_backticks(spark, model):
    frame = spark.createDataFrame([(bytearray(encoded(picture())),)], "`a.b``c` binary")
    stage = ChipFeaturizer(inputCol="a.b`c", outputCol="out", modelName=str(model))
    assert len(stage.transform(frame).first()["out"]) == 6


def test_in_sql(spark, frame, model, expected):
    register_model_udf(spark, "land_use", model, top_k=1)
    register_model_udf(spark, "land_features", str(model), output="features")
    frame.createOrReplaceTempView("chips_in_sql")
    query = "SELECT id, land_use(image)[0].class AS class, land_features(file) AS f FROM chips_in_sql ORDER BY id"
    rows = spark.sql(query).collect()
    assert rows[BROKEN]["class"] is None
    assert rows[3]["class"] == small.LEGEND.names[int(expected.probabilities[3].argmax())]
    check({row["id"]: None if row["f"] is None else row["f"].toArray() for row in rows}, expected.features)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [("no name", {}, "function of SQL"), ("f", {"output": "all"}, "classes or features"), ("f", {"top_k": 0}, "topK")],
)
def test_sql_mistakes(spark, model, name, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        register_model_udf(spark, name, model, **options)


def test_a_model_that_was_sent_is_found_by_workers(spark, frame, model, expected, monkeypatch):
    from landuse.engine import spark_runner
    from landuse.spark_ml import workers

    monkeypatch.setattr(workers, "share", spark_runner.send)
    stage = ChipFeaturizer(inputCol="file", outputCol="out", modelName=str(model))
    check(vectors(stage.transform(frame), "out"), expected.features)


def test_models_of_one_name_do_not_meet(spark, model, tmp_path):
    from landuse.engine.spark_runner import send

    other = write_bundle(small.bundle(name="other"), tmp_path / model.name)
    sent = [send(spark.sparkContext, path) for path in (model, other, model)]
    assert sent[0] == sent[2]
    assert [read_bundle(a.locate()).name for a in sent[:2]] == ["small", "other"]


def test_decoded_files_match_spark_s_own_reader(spark, tmp_path, model):
    (tmp_path / "a.png").write_bytes(encoded(picture(1)))
    (tmp_path / "b.png").write_bytes(b"no picture")
    images = spark.read.format("image").load(str(tmp_path)).select("image")
    stage = ChipFeaturizer(inputCol="image", outputCol="out", modelName=str(model))
    found = {r["image"]["origin"][-5:]: r["out"] for r in stage.transform(images).collect()}
    assert found["b.png"] is None
    batch = decode(encoded(picture(1)), small.PX)[None]
    np.testing.assert_allclose(found["a.png"].toArray(), open_runtime(model).predict(batch).features[0], atol=1e-4)
