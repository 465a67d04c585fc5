"""The wheel runs by itself: everything it needs is in it, and nothing of the checkout is near."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_WHEEL, MOST_SAMPLE = 12_000_000, 4_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without a network and without an environment of its own."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def landuse(wheel, tmp_path_factory):
    """Run a command of the unpacked wheel in an empty folder; nothing else of this project can be imported there."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")  # a wheel of pure Python is installed by unpacking it
    environ = os.environ | {"PYTHONPATH": str(folder / "site"), "LANDUSE_CACHE": str(folder / "cache")}
    (folder / "here").mkdir()

    def run(*arguments, code=None):
        command = [sys.executable, *(["-c", code] if code else ["-m", "landuse", *map(str, arguments)])]
        done = subprocess.run(command, cwd=folder / "here", env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_holds_all_that_it_needs_and_no_more(wheel):
    files = {entry.filename: entry.file_size for entry in zipfile.ZipFile(wheel).infolist()}
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "landuse").rglob("*") if path.is_file()}
    missing = {name for name in package if "__pycache__" not in name} - files.keys()
    assert not missing
    legends = {f"landuse/configs/legends/{path.name}" for path in (ROOT / "configs" / "legends").iterdir()}
    assert legends <= files.keys()
    assert not [name for name in files if name.startswith(("tools", "tests", "benchmarks"))]
    assert [name for name in files if name.endswith("licenses/NOTICE")]
    sample = sum(size for name, size in files.items() if name.startswith("landuse/sample_data/"))
    assert 0 < sample <= MOST_SAMPLE
    assert wheel.stat().st_size <= MOST_WHEEL


def test_it_is_what_runs(landuse):
    home = Path(landuse(code="import landuse; print(landuse.__file__)").strip())
    assert ROOT not in home.parents
    assert "classify" in landuse("--help")
    assert "ships: --model builtin" in landuse("models")


STEPS = """
import shlex, sys
from landuse.cli.main import run
from landuse.stages.demo import sample_folder

sample = sample_folder()
print(sample)
for line in f'''
tile {sample}/2014 --labels {sample}/nlcd_2014.tif --legend landuse7 --out chips
classify {sample}/2020 --bounds -71.572 42.372 -71.569 42.375 --master inline --out land
map land --out map.html
'''.strip().splitlines():
    status = run(shlex.split(line))
    if status:
        sys.exit(status)
"""


def test_the_steps_of_the_demo_run_on_its_sample(landuse):
    """`make demo-wheel` runs the demo whole; here the same parts in a few seconds: sample, labels, legend, model, page."""
    sample, chips, *said = landuse(code=STEPS).splitlines()
    assert ROOT not in Path(sample).parents
    assert chips.startswith("224 chips of 224 m")
    assert [line for line in said if " chips classified in " in line]
    assert said[-1] == "map.html: open it in a browser."
