import math
from fractions import Fraction

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import CRS, Transformer

from landuse.errors import (
    DamagedSourceError,
    LabelsError,
    MissingCRSError,
    NoOverlapError,
    SourceNotFoundError,
    UnlabelledWarning,
)
from landuse.grid import Bounds, CellRange, ChipGrid
from landuse.labels import RULES, LabelRequest, label_cells
from landuse.legend import Legend, load_legend
from tests.made import UTM, raster

NLCD6 = load_legend("nlcd6")
PIXEL = 30
ORIGIN = (600_013, 4_500_027)
PATCHES = np.array([11, 21, 24, 31, 41, 42, 43, 52, 71, 82, 90, 95, 0, 200])


@pytest.fixture
def codes():
    """An NLCD-like raster of 60 x 70 pixels in patches of 7 to 9 pixels, so that some chips are of one class."""
    rng = np.random.default_rng(5)
    coarse = rng.choice(
        PATCHES, (8, 8), p=[0.05, 0.1, 0.1, 0.05, 0.3, 0.1, 0.05, 0.05, 0.03, 0.08, 0.03, 0.02, 0.02, 0.02]
    )
    return np.kron(coarse, np.ones((9, 9), int))[:60, :70].astype(np.uint8)


@pytest.fixture
def label_file(tmp_path, codes):
    return raster(tmp_path / "nlcd.tif", codes, Affine(PIXEL, 0, ORIGIN[0], 0, -PIXEL, ORIGIN[1]))


@pytest.fixture
def cells():
    grid = ChipGrid(UTM)
    around = Bounds(ORIGIN[0], ORIGIN[1] - 60 * PIXEL, ORIGIN[0] + 70 * PIXEL, ORIGIN[1])
    return grid, *grid.touching(around).arrays()


def by_hand(codes, row, col):
    """Class at the nine points and exact shares of one 224 m cell, in whole numbers and fractions only."""
    height, width = codes.shape
    table = NLCD6.crosswalk()

    def at(x, y):
        i, j = math.floor((x - ORIGIN[0]) / PIXEL), math.floor((ORIGIN[1] - y) / PIXEL)
        return table[codes[j, i]] if 0 <= i < width and 0 <= j < height else 0

    points = [
        at(col * 224 + Fraction(224 * a, 6), row * 224 + Fraction(224 * b, 6)) for a in (1, 3, 5) for b in (1, 3, 5)
    ]
    shares = dict.fromkeys(NLCD6.codes, Fraction(0))
    for j in range(height):
        high = min(row * 224 + 224, ORIGIN[1] - j * PIXEL) - max(row * 224, ORIGIN[1] - (j + 1) * PIXEL)
        for i in range(width) if high > 0 else ():
            wide = min(col * 224 + 224, ORIGIN[0] + (i + 1) * PIXEL) - max(col * 224, ORIGIN[0] + i * PIXEL)
            code = int(table[codes[j, i]])
            if high > 0 and wide > 0 and code:
                shares[code] += Fraction(high * wide, 224 * 224)
    return points, at(col * 224 + 112, row * 224 + 112), shares


def test_labels_equal_those_found_by_hand(label_file, codes, cells):
    grid, rows, cols = cells
    found = {rule: label_cells(grid, rows, cols, LabelRequest(label_file, NLCD6, rule)) for rule in RULES}
    for n, (row, col) in enumerate(zip(rows.tolist(), cols.tolist(), strict=True)):
        points, centre, shares = by_hand(codes, row, col)
        nine = points[0] if len(set(points)) == 1 else 0
        largest = max(shares.values())
        winner = next(code for code in NLCD6.codes if shares[code] == largest)
        majority = winner if largest > 0 and largest >= 1 - sum(shares.values()) else 0
        expected = {"nine-point": nine, "majority": majority, "centre": centre}
        for rule in RULES:
            assert found[rule].codes[n] == expected[rule], (rule, row, col)
            assert found[rule].shares[n] == pytest.approx([float(s) for s in shares.values()], abs=1e-6)
            assert found[rule].purity[n] == pytest.approx(float(shares.get(expected[rule], largest)), abs=1e-6)
    labels = found["nine-point"].codes
    assert (labels > 0).sum() >= 8
    assert (labels == 0).sum() >= 20


def test_order_of_the_cells_and_size_of_the_reads_change_nothing(label_file, cells, monkeypatch):
    grid, rows, cols = cells
    request = LabelRequest(label_file, NLCD6, "nine-point")
    whole = label_cells(grid, rows, cols, request)
    monkeypatch.setattr("landuse.labels.raster.MOST_PIXELS", 150)
    order = np.random.default_rng(0).permutation(len(rows))
    pieces = label_cells(grid, rows[order], cols[order], request)
    assert (pieces.codes == whole.codes[order]).all()
    assert pieces.shares == pytest.approx(whole.shares[order], abs=1e-6)


@pytest.mark.parametrize("epsg", [26919, 4326, 5070])
def test_chips_in_another_crs_than_the_raster(label_file, codes, epsg):
    """Shares equal the areas of the carried chip with each class's pixels, found by polygon intersection."""
    own = CRS.from_epsg(epsg)
    grid = ChipGrid(own) if epsg != 4326 else ChipGrid(CRS.from_epsg(32617))
    to_grid = Transformer.from_crs(UTM, grid.crs, always_xy=True)
    x, y = to_grid.transform(ORIGIN[0] + 1000, ORIGIN[1] - 900)
    cells = grid.touching(Bounds(x - 400, y - 400, x + 400, y + 400))
    rows, cols = cells.arrays()
    labels = label_cells(grid, rows, cols, LabelRequest(label_file, NLCD6))
    classes = NLCD6.classify_codes(codes)
    j, i = np.nonzero(classes == 3)
    west, north = ORIGIN[0] + i * PIXEL, ORIGIN[1] - j * PIXEL
    forest = shapely.union_all(shapely.box(west, north - PIXEL, west + PIXEL, north))
    back = Transformer.from_crs(grid.crs, UTM, always_xy=True)
    for n, polygon in enumerate(grid.polygons(rows, cols)):
        carried = shapely.transform(polygon, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1])))
        assert labels.shares[n, 2] == pytest.approx(carried.intersection(forest).area / carried.area, abs=1e-6)


def test_a_turned_raster_and_one_upside_down_give_the_same_shares(tmp_path, codes, cells):
    grid, rows, cols = cells
    plain = Affine(PIXEL, 0, ORIGIN[0], 0, -PIXEL, ORIGIN[1])
    upright = raster(tmp_path / "a.tif", codes, plain)
    turned = raster(tmp_path / "b.tif", np.rot90(codes).copy(), plain @ Affine.translation(70, 0) @ Affine.rotation(90))
    south_up = raster(tmp_path / "c.tif", codes[::-1].copy(), plain @ Affine.translation(0, 60) @ Affine.scale(1, -1))
    first, *others = (label_cells(grid, rows, cols, LabelRequest(f, NLCD6)) for f in (upright, turned, south_up))
    for other in others:
        assert other.shares == pytest.approx(first.shares, abs=1e-5)
        assert (other.codes == first.codes).mean() > 0.99


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "int32", "uint32"])
def test_any_integer_type(tmp_path, codes, cells, dtype):
    values = np.where(codes == 200, 0, codes).astype(dtype)
    file = raster(tmp_path / "x.tif", values, Affine(PIXEL, 0, ORIGIN[0], 0, -PIXEL, ORIGIN[1]))
    plain = raster(tmp_path / "y.tif", codes, Affine(PIXEL, 0, ORIGIN[0], 0, -PIXEL, ORIGIN[1]))
    one, other = (label_cells(*cells, LabelRequest(f, NLCD6)) for f in (file, plain))
    assert (one.codes == other.codes).all()


def test_declared_nodata_is_no_class_even_where_the_legend_knows_its_code(tmp_path):
    grid, data = ChipGrid(UTM, chip_m=100), np.full((20, 20), 41, np.uint8)
    file = raster(tmp_path / "x.tif", data, Affine(10, 0, 0, 0, -10, 200), nodata=41)
    labels = label_cells(grid, *CellRange(0, 2, 0, 2).arrays(), LabelRequest(file, NLCD6))
    assert labels.codes.tolist() == [0, 0, 0, 0]
    assert labels.shares.sum() == 0


def test_a_point_on_the_edge_of_two_pixels_takes_the_one_to_the_east_and_south(tmp_path):
    grid, data = ChipGrid(UTM, chip_m=100), np.array([[21, 31], [41, 82]], np.uint8)
    file = raster(tmp_path / "x.tif", data, Affine(50, 0, 0, 0, -50, 100))
    labels = label_cells(grid, np.array([0]), np.array([0]), LabelRequest(file, NLCD6, "centre"))
    assert labels.codes.tolist() == [6]


def test_a_legend_without_crosswalk_takes_its_own_codes(tmp_path):
    legend = Legend.model_validate(
        {
            "name": "mine",
            "classes": [{"code": 7, "name": "A", "color": "#000000"}, {"code": 9, "name": "B", "color": "#ffffff"}],
        }
    )
    file = raster(tmp_path / "x.tif", np.full((10, 10), 9, np.uint8), Affine(10, 0, 0, 0, -10, 100))
    labels = label_cells(ChipGrid(UTM, 100), np.array([0]), np.array([0]), LabelRequest(file, legend, "nine-point"))
    assert labels.codes.tolist() == [9]
    assert labels.shares.tolist() == [[0.0, 1.0]]


HERE = Affine(10, 0, 0, 0, -10, 100)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda p: raster(p, np.zeros((10, 10), np.float32), HERE), LabelsError, "float32"),
        (lambda p: raster(p, np.zeros((2, 10, 10), np.uint8), HERE), LabelsError, "2 bands"),
        (lambda p: raster(p, np.zeros((10, 10), np.uint8), HERE, crs=None), MissingCRSError, "no CRS"),
        (
            lambda p: raster(p, np.zeros((10, 10), np.uint8), HERE @ Affine.translation(99, 0)),
            NoOverlapError,
            "no ground",
        ),
        (lambda p: raster(p, np.zeros((10, 10), np.uint8), HERE, crs="EPSG:32733"), NoOverlapError, "no ground"),
        (lambda p: p.write_text("not a raster"), LabelsError, "--label-field"),
        (lambda p: None, SourceNotFoundError, "no file"),
    ],
)
def test_a_raster_that_cannot_serve_gets_one_sentence(tmp_path, make, error, says):
    make(tmp_path / "x.tif")
    with pytest.raises(error, match=says) as caught:
        label_cells(ChipGrid(UTM, 100), np.array([0]), np.array([0]), LabelRequest(tmp_path / "x.tif", NLCD6))
    assert "x.tif" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_raster_is_named(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (400, 400)).astype(np.uint8)
    file = raster(tmp_path / "x.tif", data, Affine(10, 0, 0, 0, -10, 4000), compress="deflate")
    file.write_bytes(file.read_bytes()[:60_000])
    with pytest.raises(DamagedSourceError, match=r"x\.tif"):
        label_cells(ChipGrid(UTM), *CellRange(0, 17, 0, 17).arrays(), LabelRequest(file, NLCD6))


def label_one(file, legend=None, rule="majority"):
    return label_cells(ChipGrid(UTM, 100), np.array([0]), np.array([0]), LabelRequest(file, legend, rule))


def test_the_code_0_is_a_class_where_the_legend_names_it_and_nothing_declares_it_no_data(tmp_path):
    codes = np.zeros((10, 10), np.uint8)
    codes[:4] = 6
    world = load_legend("dynamicworld")
    for rule in RULES:
        found = label_one(raster(tmp_path / "x.tif", codes, HERE), world, rule)
        assert found.codes.tolist() == [0 if rule == "nine-point" else 9]
    assert found.shares[0, [0, 6]].tolist() == pytest.approx([0.6, 0.4])
    declared = label_one(raster(tmp_path / "y.tif", codes, HERE, nodata=0), world)
    assert declared.shares[0].sum() == pytest.approx(0.4)


def test_codes_above_255_reach_classes_above_255(tmp_path):
    codes = np.full((10, 10), 311, np.int16)
    codes[:4] = 523
    legend = Legend.model_validate(
        {"name": "clc", "classes": [{"code": c, "name": f"C{c}", "color": "#000000"} for c in (311, 523)]}
    )
    found = label_one(raster(tmp_path / "x.tif", codes, HERE, nodata=-32768), legend)
    assert found.codes.dtype == np.uint16
    assert found.codes.tolist() == [311]
    assert found.shares[0].tolist() == pytest.approx([0.6, 0.4])


def test_what_has_no_class_is_told_by_code_and_exact_share(tmp_path):
    codes = np.full((10, 10), 41, np.uint8)
    codes[:3], codes[3, :5], codes[9] = 11, 12, 255
    with pytest.warns(
        UnlabelledWarning, match=r"35\.00% .* legend nlcd6, and has no label: 11 \(30\.00%\), 12 \(5\.00%\)"
    ):
        found = label_one(raster(tmp_path / "x.tif", codes, HERE, nodata=255), NLCD6)
    assert found.left_out == pytest.approx({"11": 0.3, "12": 0.05})


@pytest.mark.parametrize(
    ("codes", "legend"), [((11, 41, 127), "nlcd8"), ((10, 40, 80), "worldcover"), ((112, 311, 523), "corine5")]
)
def test_without_a_legend_the_codes_decide_and_water_stays(tmp_path, codes, legend):
    data = np.repeat(np.array(codes, np.int16), 4)[:10][None] * np.ones((10, 1), np.int16)
    found = label_one(raster(tmp_path / "x.tif", data, HERE))
    assert found.legend.name == legend
    assert any("ater" in name for name in found.legend.names)


def test_without_a_legend_a_map_of_ours_brings_its_own_and_anybody_s_codes_are_asked_about(tmp_path):
    file = raster(tmp_path / "x.tif", np.full((10, 10), 2, np.uint8), HERE)
    with pytest.raises(LabelsError, match=r"x\.tif holds the codes 2 .*--legend"):
        label_one(file)
    with rasterio.open(file, "r+") as dataset:
        dataset.update_tags(LANDUSE_LEGEND=load_legend("landuse7").model_dump_json())
    found = label_one(file)
    assert (found.legend.name, found.codes.tolist()) == ("landuse7", [2])


def test_polygons_given_as_a_raster_are_told_how(tmp_path):
    gpd.GeoDataFrame({"use": ["Forest"], "id": [1]}, geometry=[shapely.box(0, 0, 9, 9)], crs=UTM).to_file(
        tmp_path / "x.shp"
    )
    with pytest.raises(LabelsError, match=r"--label-field \(it has use, id\)"):
        label_one(tmp_path / "x.shp")


def test_gdal_writes_nothing_to_the_console_itself(tmp_path, capfd):
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(LabelsError):
        label_one(tmp_path / "x.txt")
    assert capfd.readouterr().err == ""
