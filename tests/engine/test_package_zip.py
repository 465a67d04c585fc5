import subprocess
import sys
import zipfile

from landuse.engine.session import package_zip


def test_the_package_runs_from_the_zip(tmp_path):
    path = package_zip(tmp_path)
    code = "import landuse.engine.spark_runner as module; print(module.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/", env={"PYTHONPATH": str(path)}
    )
    assert done.stdout.startswith(f"{path}/landuse/engine/")


def test_the_zip_is_small_and_the_same_each_time(tmp_path):
    first = package_zip(tmp_path).read_bytes()
    assert package_zip(tmp_path).read_bytes() == first
    assert len(first) < 2_000_000
    names = zipfile.ZipFile(tmp_path / "landuse.zip").namelist()
    assert "landuse/engine/log4j2.properties" in names
    assert not [name for name in names if "__pycache__" in name]
