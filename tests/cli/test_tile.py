import numpy as np
import pytest
from affine import Affine

from landuse.chips import read_chips
from landuse.cli.main import run
from tests.made import raster


@pytest.fixture
def source(tmp_path):
    data = np.random.default_rng(1).integers(1, 255, (3, 40, 60)).astype(np.uint8)
    return raster(tmp_path / "a.tif", data, Affine(5, 0, 600_000, 0, -5, 4_500_000))


@pytest.fixture
def labels(tmp_path):
    codes = np.array([[41, 21, 11], [41, 82, 11]], np.uint8)
    return raster(tmp_path / "nlcd.tif", codes, Affine(100, 0, 600_000, 0, -100, 4_500_000))


def test_tile_says_what_it_made(source, labels, tmp_path, capsys):
    line = f"tile {source} --out {tmp_path / 'out'} --chip-size 100 --chip-pixels 20 --labels {labels}"
    assert run(line.split()) == 0
    said = capsys.readouterr().out
    assert "6 chips of 100 m in NAD83 / UTM zone 18N" in said
    counts = {row.split()[0]: row.split()[1:] for row in said.splitlines()[1:]}
    assert counts["Forest"] == ["2", "33.3%"]
    assert (counts["Water"], counts["unlabelled"]) == (["2", "33.3%"], ["0", "0.0%"])
    chips = read_chips(tmp_path / "out")
    assert (chips.grid.chip_m, chips.grid.chip_px) == (100, 20)
    assert chips.labels is not None


def test_tile_exports_inline(source, tmp_path):
    line = f"tile {source} --out {tmp_path / 'out'} --chip-size 100 --chip-pixels 20 --export tif --master inline"
    assert run(line.split()) == 0
    assert len(list((tmp_path / "out" / "images" / "chips").iterdir())) == 6


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("--bounds 10 50 9 51", 2),
        ("--bounds 10 50 11 51", 1),
        ("--crs EPSG:4326", 2),
        ("--bands 1,2,9", 2),
        ("--labels nothing.tif", 1),
        ("--labels a.tif --legend nothing", 2),
        ("--label-rule guess", 2),
        ("--aoi nothing.geojson", 1),
    ],
)
def test_what_is_wrong_is_one_sentence_and_a_status(source, tmp_path, monkeypatch, capsys, more, status):
    monkeypatch.chdir(tmp_path)
    assert run(["tile", "a.tif", "--out", "out", "--chip-size", "100", *more.split()]) == status
    said = capsys.readouterr().err
    assert "Error" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
