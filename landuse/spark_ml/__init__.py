"""Models in Spark ML pipelines and in Spark SQL: real stages of pyspark.ml, saved and loaded with their pipeline."""

from landuse.spark_ml.reader import read_images
from landuse.spark_ml.sql import register_model_udf
from landuse.spark_ml.stages import ChipFeaturizer, ChipPredictor

__all__ = ["ChipFeaturizer", "ChipPredictor", "read_images", "register_model_udf"]
