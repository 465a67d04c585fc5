import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest
from click.testing import CliRunner

from landuse.cli.survey import doctor
from landuse.engine import checkup
from landuse.engine.machine import Memory
from landuse.errors import MissingDependencyError

GIB = 1 << 30


def run() -> tuple[int, str]:
    result = CliRunner().invoke(doctor, standalone_mode=False)
    assert result.exception is None, result.exception
    return int(result.return_value), result.output


def test_a_whole_machine_can_run_landuse():
    status, text = run()
    assert status == 0
    for what in ("landuse", "libraries", "cores", "processor", "memory", "disk here", "GDAL, rasters", "training"):
        assert what in text
    assert "stop" not in text


def test_without_java_it_says_what_to_do_and_inline_still_runs(monkeypatch):
    def none():
        raise MissingDependencyError("Spark needs Java; use --master inline.")

    monkeypatch.setattr(checkup, "find_java", none)
    status, text = run()
    assert status == 0
    assert "note  Java" in text
    assert "-> Spark needs Java; use --master inline." in text


def test_a_missing_library_stops(monkeypatch):
    def lacking(name: str) -> str:
        if name == "rasterio":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(checkup, "version", lacking)
    status, text = run()
    assert status == 1
    assert "Missing: rasterio" in text


@pytest.mark.parametrize(("free", "grade"), [(GIB, "note"), (8 * GIB, "ok")])
def test_little_memory_is_noted(monkeypatch, free, grade):
    monkeypatch.setattr(checkup.machine, "memory", lambda: Memory(16 * GIB, free))
    assert [f.grade for f in checkup.check_up() if f.what == "memory"] == [grade]


def test_a_lacking_driver_is_noted():
    finding = checkup._drivers("GDAL", "3.9", ("GTiff", "JP2OpenJPEG"), {"GTiff"})
    assert (finding.grade, finding.has) == ("note", "3.9 with GTiff")
    assert "JP2OpenJPEG" in finding.mend


def test_neither_spark_nor_tensorflow_is_loaded():
    code = (
        "import sys; from landuse.engine.checkup import check_up; check_up();"
        "print([name for name in ('pyspark', 'tensorflow', 'openvino') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
