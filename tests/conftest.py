"""What several test folders share, and on which core each file runs."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from xdist.scheduler import LoadScopeScheduling

    from tests.patchwork import Patchwork


LONGEST = (
    "tests/cluster/test_standalone.py",
    "tests/outputs/test_page_browser.py",
    "tests/cluster/",
    "tests/training/test_finetune.py",
    "tests/cli/test_examples.py",
)
"""Files that start first, after those of the Spark session: what is short fills the ends."""
_SPARK = re.compile(r"def \w+\([^)]*\bspark\b|\(\"spark\"\)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "LoadScopeScheduling | None":
    """Under `--dist loadscope`, keep each file on one core, and all that use the Spark session, so that it is started once."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "spark" if _uses_spark(file) else file

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: _place(item.nodeid.partition("::")[0]))


def _place(file: str) -> int:
    if _uses_spark(file):
        return -1
    return next((place for place, start in enumerate(LONGEST) if file.startswith(start)), len(LONGEST))


@cache
def _uses_spark(file: str) -> bool:
    """Whether tests of a file ask for the fixture `spark`."""
    return _SPARK.search((Path(__file__).parents[1] / file).read_text(encoding="utf8")) is not None


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[None]":
    """Features are kept in a folder of the test run, never in the home of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANDUSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def no_spark_unasked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that starts Spark in this process, which takes ten seconds of a core, says so."""
    if request.node.get_closest_marker("spark") is None:
        monkeypatch.setattr("landuse.engine.session._start", lambda *_: pytest.fail("mark this test with spark"))


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> "Patchwork":
    """A survey of plain patches, its labels, and a small model; to be read only."""
    from tests.patchwork import patchwork

    return patchwork(tmp_path_factory.mktemp("survey"))


@pytest.fixture(scope="session")
def chips(work: "Patchwork", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its labelled chips."""
    from landuse.stages.tile import tile

    folder = tmp_path_factory.mktemp("chips") / "a"
    tile(work.survey, folder, work.tile_options(labels=work.labels, legend=str(work.legend)))
    return folder


@pytest.fixture(scope="session")
def learnt(work: "Patchwork", chips: "Path", tmp_path_factory: pytest.TempPathFactory) -> Path:
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
