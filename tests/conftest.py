"""What several test folders share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from tests.patchwork import Patchwork


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[None]":
    """Features are kept in a folder of the test run, never in the home of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANDUSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> "Patchwork":
    """A survey of plain patches, its labels, and a small model; to be read only."""
    from tests.patchwork import patchwork

    return patchwork(tmp_path_factory.mktemp("survey"))


@pytest.fixture(scope="session")
def chips(work: "Patchwork", tmp_path_factory: pytest.TempPathFactory) -> "Path":
    """The folder of its labelled chips."""
    from landuse.stages.tile import tile

    folder = tmp_path_factory.mktemp("chips") / "a"
    tile(work.survey, folder, work.tile_options(labels=work.labels, legend=str(work.legend)))
    return folder


@pytest.fixture(scope="session")
def learnt(work: "Patchwork", chips: "Path", tmp_path_factory: pytest.TempPathFactory) -> "Path":
    """A model file whose head has learnt the patches; its backbone's weights are random."""
    from landuse.options.training import TrainOptions
    from landuse.stages.train import train

    out = tmp_path_factory.mktemp("model") / "learnt.landuse"
    train([chips], out, TrainOptions(backbone=str(work.model), regularisation=1.0))
    return out


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """One Spark session for the whole suite; `open_runner` and the stages find it and use it."""
    from landuse.engine.session import spark_session

    with spark_session("local[2]") as session:
        yield session
