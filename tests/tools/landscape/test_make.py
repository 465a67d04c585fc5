import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from pyproj import CRS

from landuse.errors import OutputExistsError
from landuse.grid import CHIP_M, Cell, ChipGrid
from landuse.legend import load_legend
from tools.landscape import LandscapeSpec, make_landscape
from tools.landscape.__main__ import landscape

SPEC = LandscapeSpec(chips=4, seed=2, pixel=2.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("landscape") / "made"
    make_landscape(out, SPEC)
    return out


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_command_gives_the_same_bytes_as_the_function(made, tmp_path):
    result = CliRunner().invoke(
        landscape, ["--out", str(tmp_path / "again"), "--size", "4", "--seed", "2", "--pixel", "2"]
    )
    assert result.exit_code == 0, result.output
    assert digests(tmp_path / "again") == digests(made)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("year", ["2014", "2020"])
def test_the_orthophotos_abut_and_cover_the_survey(made, year):
    area = 0.0
    for k in range(1, 5):
        with rasterio.open(made / year / f"ortho_{k}.tif") as ortho:
            assert (ortho.count, ortho.dtypes[0], ortho.crs.to_epsg()) == (3, "uint8", 26919)
            assert ortho.profile["blockxsize"] == 512
            assert ortho.nodata is None
            area += (ortho.bounds.right - ortho.bounds.left) * (ortho.bounds.top - ortho.bounds.bottom)
    assert area == pytest.approx((SPEC.pixels * SPEC.pixel) ** 2)


def test_one_corner_of_the_second_year_has_no_imagery(made):
    with rasterio.open(made / "2020" / "ortho_4.tif") as ortho:
        mask = ortho.dataset_mask()
    assert mask[-1, -1] == 0
    assert mask[0, 0] == 255
    assert 0.005 < (mask == 0).mean() < 0.1
    with rasterio.open(made / "2014" / "ortho_4.tif") as ortho:
        assert ortho.dataset_mask().all()


def test_the_survey_begins_off_the_lattice(made):
    with rasterio.open(made / "2014" / "ortho_1.tif") as ortho:
        assert ortho.bounds.left % CHIP_M > 20
        assert ortho.bounds.top % CHIP_M > 20


def test_labels_are_nlcd_codes_and_mostly_true(made):
    with rasterio.open(made / "nlcd_2014.tif") as raster, rasterio.open(made / "truth" / "2014.tif") as truth:
        codes = raster.read(1)
        assert set(np.unique(codes)) <= set(load_legend("nlcd16").codes)
        assert raster.res == (30.0, 30.0)
        assert raster.colormap(1)[11][:3] == (70, 107, 159)
        rows, cols = np.mgrid[8 : codes.shape[0] - 8, 8 : codes.shape[1] - 8]
        xs, ys = rasterio.transform.xy(raster.transform, rows.ravel(), cols.ravel())
        true = np.array([v[0] for v in truth.sample(zip(xs, ys, strict=True))])
    said = load_legend("landuse7").classify_codes(codes[8:-8, 8:-8].ravel())
    assert 0.8 < (said == true)[true > 0].mean() < 0.99


def test_change_names_chips_of_the_lattice_and_classes_of_the_legend(made):
    names = set(load_legend("landuse7").names)
    grid = ChipGrid(CRS.from_epsg(26919))
    with (made / "truth" / "change.csv").open(encoding="utf8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert {row["from"], row["to"]} <= names
        ground = grid.bounds(Cell.parse(row["chip_id"]))
        for year, name in (("2014", row["from"]), ("2020", row["to"])):
            with rasterio.open(made / "truth" / f"{year}.tif") as truth:
                chip = truth.read(1, window=truth.window(*ground))
            assert chip.shape == (28, 28)
            assert load_legend("landuse7").name_of(int(np.bincount(chip.ravel()).argmax())) == name


def test_the_area_lies_in_the_survey(made):
    ring = json.loads((made / "aoi.geojson").read_text())["features"][0]["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert all(-72.5 < lon < -70.5 and 42 < lat < 43 for lon, lat in ring)


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(OutputExistsError, match="not empty"):
        make_landscape(tmp_path, SPEC)
    assert (tmp_path / "mine.txt").read_text() == "keep"
