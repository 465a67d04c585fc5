"""The work is done where the system lacks what Windows and macOS lack."""

import subprocess
import sys

_ELSEWHERE = """
import sys
hidden = {"fcntl", "resource", "pwd", "grp", "termios"}
for name in hidden:
    sys.modules[name] = None  # an import of it raises ModuleNotFoundError
import os
for name in ("sched_getaffinity", "getpgid", "killpg", "sysconf"):
    if hasattr(os, name):
        delattr(os, name)
from landuse.cli.main import run
from landuse.engine.machine import cores, memory, peak_memory
status = run(sys.argv[1:])
print(*sys.modules)
print(status, cores() > 0, memory().total > 0, peak_memory())
"""


def test_a_map_is_made_where_all_that_is_missing_and_loads_nothing_it_has_no_use_for(work, learnt, tmp_path):
    """Each of these takes a tenth of a second to a second to load; boto3 may be there by name, but not at work.

    OpenVINO imports its converter by itself. pyogrio, which writes the GeoPackage, would load geopandas and pandas; pyarrow
    would load pandas for a column of Python's values.
    """
    arguments = ["classify", *work.survey, "--model", learnt, "--chip-size", "32", "--chip-pixels", "32"]
    arguments += ["--master", "inline", "--out", tmp_path / "map"]
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *_, modules, told = done.stdout.splitlines()
    assert told == "0 True True 0"
    assert (tmp_path / "map" / "landuse.tif").is_file()
    loaded = set(modules.split())
    spared = {"sklearn", "pyspark", "tensorflow", "keras", "botocore", "matplotlib"}
    spared |= {"yaml", "pyarrow.dataset", "openvino_telemetry", "scipy", "pandas", "geopandas", "openpyxl"}
    assert sorted(spared & loaded) == []
    assert {"openvino", "rasterio", "pyarrow.parquet"} <= loaded
