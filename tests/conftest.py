"""What several test folders share, and on which core each file runs."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from xdist.scheduler import LoadScopeScheduling

    from tests.patchwork import Patchwork


LONGEST = ("cluster", "tensorflow", "tests/outputs/test_page_browser.py", "tests/cli/test_examples.py")
"""What starts first, after the files of the Spark session: what is short fills the ends."""
_SHARED = {
    "spark": re.compile(r"def \w+\([^)]*\bspark\b|\(\"spark\"\)"),
    "tensorflow": re.compile(r"import (keras|tensorflow)\b|keras_(networks|backbone)|know_tiny|def test_keras"),
    "cluster": re.compile(r"from tests\.cluster"),
}
"""What takes five to ten seconds of a core to start, to make or to import, and how the files look that need it."""


_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30


def pytest_configure(config: pytest.Config) -> None:
    """Spare what each process would do again, whether it is one of several workers or started by a test."""
    _keep_files_in_memory()
    _keep_bytecode()
    _keep_to_one_thread()
    _decide_alike()
    _begin_elsewhere(config)


def _keep_files_in_memory() -> None:
    """Where there is room: parts and GeoPackages wait for a disk at each write."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def _keep_bytecode() -> None:
    """Whatever the environment says: to compile all tests and modules takes a worker as long as to import all else."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _keep_to_one_thread() -> None:
    """TensorFlow does so little here that to hand it to threads costs more; it does not heed `OMP_NUM_THREADS`."""
    for kind in ("INTRA", "INTER"):
        os.environ.setdefault(f"TF_NUM_{kind}OP_THREADS", "1")


def _decide_alike() -> None:
    """Of each property the same examples at every run, 50 unless it asks for other, and however long a busy machine takes."""
    from hypothesis import settings

    settings.register_profile("suite", max_examples=50, deadline=None, derandomize=True)
    settings.load_profile("suite")


def _begin_elsewhere(config: pytest.Config) -> None:
    """Have each worker begin with other folders, so that each finds compiled what the others have begun with."""
    number, count = (os.environ.get(f"PYTEST_XDIST_WORKER{end}", "") for end in ("", "_COUNT"))
    if number and config.args == config.getini("testpaths"):
        parts = sorted(str(path) for kind in ("[a-z]*/", "test_*.py") for path in Path(__file__).parent.glob(kind))
        first = int(number.removeprefix("gw")) * len(parts) // int(count)
        config.args[:] = parts[first:] + parts[:first]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "LoadScopeScheduling | None":
    """Under `--dist loadscope`, keep each file on one core, and so all that use the Spark session or TensorFlow."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _scope(nodeid.partition("::")[0])

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, in the same order on each worker."""
    items.sort(key=lambda item: _place(item.nodeid.partition("::")[0]))


def _place(file: str) -> tuple[int, str]:
    scope = _scope(file)
    if scope == "spark":
        return -1, file
    return next((place for place, start in enumerate(LONGEST) if scope.startswith(start)), len(LONGEST)), file


@cache
def _scope(file: str) -> str:
    """What keeps tests on one core: the first thing of `_SHARED` that their file needs, or else the file."""
    text = (Path(__file__).parents[1] / file).read_text(encoding="utf8")
    return next((name for name, needs in _SHARED.items() if needs.search(text)), file)


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


FEW_ROWS = {
    "spark.sql.leafNodeDefaultParallelism": "1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Settings of Spark that spare what pays with many rows only: more tasks, plans made anew, and plans compiled."""


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """One Spark session for the whole suite; `open_runner` and the stages find it and use it."""
    from landuse.engine.session import spark_session

    with spark_session("local[2]", config=FEW_ROWS) as session:
        yield session
