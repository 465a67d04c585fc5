"""Models in Spark ML pipelines and in Spark SQL: real stages of pyspark.ml, saved and loaded with their pipeline."""

from landuse.spark_ml.heads import bundle_of, head_of
from landuse.spark_ml.keras_estimator import KerasImageEstimator
from landuse.spark_ml.keras_stages import KerasImageModel, KerasTransformer
from landuse.spark_ml.stages import ChipFeaturizer, ChipPredictor, register_model_udf
from landuse.spark_ml.workers import read_images

__all__ = [
    "ChipFeaturizer",
    "ChipPredictor",
    "KerasImageEstimator",
    "KerasImageModel",
    "KerasTransformer",
    "bundle_of",
    "head_of",
    "read_images",
    "register_model_udf",
]
