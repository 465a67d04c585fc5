"""What several test folders share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """One Spark session for the whole suite; `open_runner` and the stages find it and use it."""
    from landuse.engine.session import spark_session

    with spark_session("local[2]") as session:
        yield session
