"""What Spark's documentation shows for inference: chips as PNG files, `predict_batch_udf`, Keras ResNet50 in float32.

python baseline_spark_udf.py MOSAIC [--chips 64]     prints  chips/s  of the second pass, when every worker has its model
"""

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from rasterio.windows import Window

CHIP = 224
CLASSES = 7
BATCH = 32


def write_pngs(mosaic: str, count: int, folder: Path) -> None:
    """The first chips of a mosaic as PNG files."""
    with rasterio.open(mosaic) as raster:
        across = raster.width // CHIP
        for index in range(count):
            row, col = divmod(index, across)
            chip = raster.read((1, 2, 3), window=Window(col * CHIP, row * CHIP, CHIP, CHIP))
            profile = {"driver": "PNG", "width": CHIP, "height": CHIP, "count": 3, "dtype": "uint8"}
            with rasterio.open(folder / f"{index}.png", "w", **profile) as png:
                png.write(chip)


def decode(files: pd.Series) -> pd.Series:
    """PNG bytes as flat lists of float32."""
    from PIL import Image

    return files.map(lambda data: np.asarray(Image.open(io.BytesIO(data)), np.float32).ravel())


def make_predict() -> Callable[[np.ndarray], np.ndarray]:
    """The function that each worker builds once."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    body = keras.applications.ResNet50(weights=None, include_top=False, pooling="avg")
    model = keras.Sequential([body, keras.layers.Dense(CLASSES, activation="softmax")])
    prepare = keras.applications.resnet50.preprocess_input
    return lambda images: model.predict_on_batch(prepare(images.astype(np.float32)))


def passes(folder: Path, workers: int) -> list[float]:
    """Chips a second of two passes over all chips."""
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import pandas_udf
    from pyspark.sql.types import ArrayType, FloatType

    floats = ArrayType(FloatType())
    builder = SparkSession.builder.master(f"local[{workers}]").config("spark.driver.memory", "4g")
    spark = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "64").getOrCreate()
    score = predict_batch_udf(make_predict, return_type=floats, batch_size=BATCH, input_tensor_shapes=[[CHIP, CHIP, 3]])
    files = spark.read.format("binaryFile").load(str(folder)).repartition(2 * workers)
    chips = files.select(pandas_udf(decode, floats)("content").alias("image"))
    rates = []
    for _ in range(2):
        start = time.perf_counter()
        count = chips.select(score("image").alias("p")).toArrow().num_rows
        rates.append(count / (time.perf_counter() - start))
    spark.stop()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mosaic")
    parser.add_argument("--chips", type=int, default=64)
    given = parser.parse_args()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    if "JAVA_HOME" not in os.environ:
        from landuse.engine.java import find_java, java_home

        os.environ["JAVA_HOME"] = str(java_home(find_java()))
    with tempfile.TemporaryDirectory() as scratch:
        write_pngs(given.mosaic, given.chips, Path(scratch))
        print(f"chips/s {passes(Path(scratch), os.cpu_count() or 1)[-1]:.2f}")


if __name__ == "__main__":
    main()
