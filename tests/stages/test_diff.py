import csv
import json
from collections import Counter
from typing import get_args

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landuse.change.methods import DEFAULT, METHODS
from landuse.errors import (
    ConfigError,
    DamagedSourceError,
    GridMismatchError,
    LeftOutWarning,
    MapOrderWarning,
    MissingCRSError,
    NoOverlapError,
    NotARasterError,
    OutputExistsError,
    SourceNotFoundError,
    UsageError,
)
from landuse.grid import Cell, ChipGrid
from landuse.legend import load_legend
from landuse.options.results import ChangeMethod, DiffOptions
from landuse.outputs.areas import cell_areas_ha
from landuse.outputs.record import damaged_files, read_record
from landuse.stages.diff import diff
from tests.change.makers import CORNER, UTM, classified, foreign, sharp

FILES = [
    "change.tif", "change.tif.aux.xml", "change_probability.tif", "change.geojson", "change.gpkg", "transitions.csv",
    "transitions.parquet", "tables.xlsx",
    "summary.json", "run.json", "item.json", "change.qml", "change.raster.sld", "change.polygons.sld", "change_probability.qml",
    "change.raster.lyrx", "change.polygons.lyrx",
    "change_probability.raster.sld", "sites.csv", "ranking.parquet",
    "gains.csv", "gains.xlsx", "gains.parquet",
]  # fmt: skip
NAMES = load_legend("nlcd6").names


def lines_of(folder):
    with (folder / "transitions.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def marginals(folder):
    before, after = Counter(), Counter()
    for line in lines_of(folder):
        before[line["from"]] += int(line["cells"])
        after[line["to"]] += int(line["cells"])
    return before, after


@pytest.fixture
def year(tmp_path):
    """Two classified years of 30 x 40 cells: stripes of classes; four cells in the north-west corner become Developed."""
    codes = np.repeat(np.arange(40) % 6, 30).reshape(40, 30).T
    later = codes.copy()
    later[:2, 2:4] = 0
    return classified(tmp_path / "y2014", sharp(codes)), classified(tmp_path / "y2020", sharp(later))


def test_a_clear_change_is_found_where_it_is(tmp_path, year):
    found = diff(year, tmp_path / "out")

    assert sorted(p.name for p in found.out.iterdir()) == sorted([*FILES])
    assert found.summary["cells"]["label_differences"] == found.summary["cells"]["confirmed"] == 4
    top = CORNER[0] + 29
    assert found.changes == {
        Cell(top - down, CORNER[1] + 2 + right).id: (NAMES[2 + right], "Developed")
        for down in (0, 1)
        for right in (0, 1)
    }
    with rasterio.open(found.out / "change.tif") as dataset:
        image = dataset.read(1)
        assert dataset.dtypes == ("uint16",)
        assert dataset.nodata == 0
        assert dataset.crs.to_epsg() == 26914
        with rasterio.open(year[0] / "landuse.tif") as source:
            assert dataset.transform == source.transform
    assert image[:2, 2:4].tolist() == [[301, 401], [301, 401]]
    assert np.count_nonzero(image) == 4


def test_sites_carry_what_a_planner_needs(tmp_path, year):
    found = diff(year, tmp_path / "out")
    features = json.loads((found.out / "change.geojson").read_text())["features"]
    assert sorted(feature["properties"]["from"] for feature in features) == sorted((NAMES[2], NAMES[3]))
    for feature in features:
        properties, polygon = feature["properties"], shapely.geometry.shape(feature["geometry"])
        assert (properties["to"], properties["cells"]) == ("Developed", 2)
        assert properties["area_ha"] == pytest.approx(2 * 5.0176, rel=0.01)
        assert properties["probability"] > 0.9
        assert properties["tier"] == "certain"
        assert polygon.exterior.is_ccw
        assert -180 < polygon.centroid.x < 0 < polygon.centroid.y < 90


def test_the_table_of_sites_begins_with_the_sites_of_the_map_and_counts_what_is_real(tmp_path, year):
    found = diff(year, tmp_path / "out")
    features = json.loads((found.out / "change.geojson").read_text())["features"]
    with (found.out / "sites.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["site"]) for row in rows] == list(range(1, len(rows) + 1))
    by_number = {feature["properties"]["site"]: feature for feature in features}
    for row in rows[: len(features)]:
        feature = by_number[int(row["site"])]
        assert row["from"] == feature["properties"]["from"]
        point = shapely.Point(float(row["lon"]), float(row["lat"]))
        assert shapely.geometry.shape(feature["geometry"]).contains(point)
    probabilities = [float(row["probability"]) for row in rows]
    assert probabilities == sorted(probabilities, reverse=True)
    shares = np.cumsum(probabilities) / np.arange(1, len(rows) + 1)
    assert [float(row["expected_real_share"]) for row in rows] == pytest.approx(shares, abs=2e-4)


def test_tables_say_what_each_class_gained_and_lost_and_agree_with_each_other(tmp_path):
    codes = np.repeat(np.arange(3), 100).reshape(10, 30)
    later = codes.copy()
    later[2, 2:6], later[5, 5:7] = 1, 0
    maps = classified(tmp_path / "y2014", sharp(codes)), classified(tmp_path / "y2020", sharp(later))
    out = diff(maps, tmp_path / "out", DiffOptions(min_probability=0.0)).out
    classes = pd.read_csv(out / "gains.csv").set_index("class")
    cell = classes["before_ha"].sum() / 300
    assert (classes["gained_ha"] / cell).round(2).tolist()[:2] == [2, 4]
    assert (classes["lost_ha"] / cell).round(2).tolist()[:2] == [4, 2]
    assert (classes["swap_ha"] / cell).round(2).tolist()[:2] == [4, 4]
    assert classes["net_ha"].sum() == pytest.approx(0, abs=1e-6)
    assert classes["share_per_year"].iloc[0] == pytest.approx(np.log(98 / 100) / 6, rel=1e-3)
    transitions = pd.read_parquet(out / "transitions.parquet")
    assert transitions["area_ha"].sum() == pytest.approx(classes["before_ha"].sum(), rel=1e-6)
    assert transitions["confirmed_ha"].sum() == pytest.approx(classes["gained_ha"].sum(), rel=1e-6)
    sheets = pd.read_excel(out / "tables.xlsx", sheet_name=None)
    assert list(sheets) == ["transitions", "gains", "sites"]
    assert sheets["gains"]["gained_ha"].tolist() == classes["gained_ha"].tolist()
    assert sheets["sites"]["site"].tolist() == pd.read_csv(out / "sites.csv")["site"].tolist()


def test_the_ranking_holds_every_cell_the_likeliest_change_first(tmp_path, year):
    found = diff(year, tmp_path / "out")
    table = pq.read_table(found.out / "ranking.parquet")
    assert table.num_rows == found.summary["cells"]["compared"] == 1200
    assert set(table["chip_id"].to_pylist()[:4]) == set(found.changes)
    probability = table["probability"].to_numpy()
    assert (np.diff(probability) <= 0).all()
    assert (table["p_change"].to_numpy() >= probability - 1e-6).all()
    assert all(a != b for a, b in zip(table["from"].to_pylist(), table["to"].to_pylist(), strict=True))
    assert found.summary["ranking"]["10"] == pytest.approx(probability[:10].sum(), abs=1e-3)


def test_nothing_confirmed_is_still_an_answer(tmp_path):
    codes = np.repeat([0, 1, 2], 200).reshape(20, 30)
    after = sharp(codes, sure=0.6)
    after[:, 3, 4] = [0.25, 0.35, 0.1, 0.1, 0.1, 0.1]
    maps = classified(tmp_path / "a", sharp(codes, sure=0.6)), classified(tmp_path / "b", after)
    found = diff(maps, tmp_path / "out")
    assert found.summary["cells"]["confirmed"] == 0
    assert pq.read_table(found.out / "ranking.parquet").num_rows == 600
    assert 0 < found.summary["ranking"]["50"] < 50


def test_maps_that_differ_nearly_everywhere_get_no_figures_and_are_told_so(tmp_path):
    codes = np.tile([0, 1, 2], 200).reshape(20, 30)
    maps = classified(tmp_path / "a", sharp(codes)), classified(tmp_path / "b", sharp((codes + 1) % 3))
    found = diff(maps, tmp_path / "out").summary
    with (tmp_path / "out" / "sites.csv").open(newline="") as stream:
        assert {row["expected_real_share"] for row in csv.DictReader(stream)} == {""}
    assert "labels differ in 100%" in found["note"]
    assert found["cells"]["expected_false_alarms"] is None
    assert found["model"]["expected_change_share"] is None
    assert found["ranking"] == {}


def test_maps_of_two_models_are_told_apart(tmp_path, year):
    for folder, digest in zip(year, ("a" * 64, "b" * 64), strict=True):
        record = json.loads((folder / "run.json").read_text())
        record["details"]["model_digest"] = digest
        (folder / "run.json").write_text(json.dumps(record))
    assert "different models" in diff(year, tmp_path / "out").summary["note"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_a_clear_change(tmp_path, year, method):
    found = diff(year, tmp_path / "out", DiffOptions(method=method))
    assert found.summary["model"]["method"] == method
    assert found.summary["cells"]["confirmed"] == 4


def test_options_name_every_method():
    assert get_args(ChangeMethod) == tuple(METHODS)
    assert DiffOptions().method == DEFAULT


def test_probability_is_given_for_every_compared_cell_and_for_no_other(tmp_path, year):
    hole = np.zeros((30, 40), bool)
    hole[10:12] = True
    before = classified(tmp_path / "holed", sharp(np.zeros((30, 40), int)), missing=hole)
    found = diff((before, year[1]), tmp_path / "out")
    with rasterio.open(found.out / "change_probability.tif") as dataset:
        probability = dataset.read(1)
        assert np.isnan(dataset.nodata)
        assert dataset.dtypes == ("float32",)
    assert (np.isnan(probability) == hole).all()
    assert np.nanmin(probability) >= 0
    assert np.nanmax(probability) <= 1


def test_identical_maps_hold_no_change(tmp_path, year):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in year[0].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    found = diff((year[0], copy), tmp_path / "out")
    assert found.summary["cells"]["label_differences"] == 0
    assert found.summary["cells"]["confirmed"] == 0
    assert found.changes == {}
    assert found.summary["model"]["expected_change_share"] == 0
    with rasterio.open(found.out / "change.tif") as dataset:
        assert not dataset.read(1).any()
    assert json.loads((found.out / "change.geojson").read_text())["features"] == []


def test_a_map_that_is_compared_with_itself_is_told(tmp_path, year):
    with pytest.warns(MapOrderWarning, match="is compared with itself, so nothing can have changed"):
        diff([year[0], tmp_path / "y2020" / ".." / year[0].name], tmp_path / "d")


def test_absent_cells_never_become_change_and_the_sums_still_hold(tmp_path):
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 6, (12, 20)), rng.integers(0, 6, (15, 18))
    holes = rng.random((12, 20)) < 0.2, rng.random((15, 18)) < 0.2
    before = classified(tmp_path / "a", sharp(first), missing=holes[0])
    after = classified(tmp_path / "b", sharp(second), missing=holes[1], row=CORNER[0] - 2, col=CORNER[1] + 5)
    found = diff((before, after), tmp_path / "out")

    rows, columns = marginals(found.out)
    assert {n: rows[n] for n in NAMES} == dict(zip(NAMES, np.bincount(first[~holes[0]], minlength=6), strict=True))
    assert {n: columns[n] for n in NAMES} == dict(zip(NAMES, np.bincount(second[~holes[1]], minlength=6), strict=True))
    cells = found.summary["cells"]
    assert cells["compared"] + cells["only_before"] == (~holes[0]).sum()
    assert cells["compared"] + cells["only_after"] == (~holes[1]).sum()
    assert rows["(no data)"] == cells["only_after"]
    assert not [
        line
        for line in lines_of(found.out)
        if "(no data)" in (line["from"], line["to"]) and int(line["confirmed_cells"])
    ]
    assert all(before_name in NAMES and after_name in NAMES for before_name, after_name in found.changes.values())


def test_areas_are_those_of_the_cells_on_the_ellipsoid(tmp_path, year):
    found = diff(year, tmp_path / "out")
    rows, cols = (a.ravel() for a in np.mgrid[CORNER[0] : CORNER[0] + 30, CORNER[1] : CORNER[1] + 40])
    total = cell_areas_ha(ChipGrid(UTM), rows, cols).sum()
    assert found.summary["area_ha"]["compared"] == pytest.approx(total, rel=1e-6)
    assert sum(float(line["area_ha"]) for line in lines_of(found.out)) == pytest.approx(total, rel=1e-6)
    expected = sum(float(line["expected_ha"]) for line in lines_of(found.out))
    assert expected == pytest.approx(total, rel=1e-4)


def test_the_record_says_what_was_compared(tmp_path, year):
    found = diff(year, tmp_path / "out", DiffOptions(min_probability=0.7))
    record = read_record(found.out)
    assert record.command == "diff"
    assert record.options["min_probability"] == 0.7
    assert [i.path for i in record.inputs] == [
        str(folder / name) for folder in year for name in ("landuse.tif", "probabilities.tif")
    ]
    assert record.grid["chip_m"] == 224
    assert record.counts["confirmed"] == 4
    assert damaged_files(found.out, record) == {}


def test_weak_evidence_is_not_confirmed_unless_asked_for(tmp_path):
    rng = np.random.default_rng(3)
    codes = np.full((30, 40), 2)
    weak = sharp(codes, sure=0.6)
    other = sharp(codes, sure=0.6)
    other[:, 5, 5] = [0.45, 0.02, 0.42, 0.05, 0.03, 0.03]
    noise = rng.dirichlet(np.full(6, 5.0), codes.shape).transpose(2, 0, 1)
    maps = classified(tmp_path / "a", 0.9 * weak + 0.1 * noise), classified(tmp_path / "b", other)
    strict, lax = diff(maps, tmp_path / "strict"), diff(maps, tmp_path / "lax", DiffOptions(min_probability=0.0))
    assert strict.summary["cells"]["label_differences"] == lax.summary["cells"]["label_differences"] == 1
    assert strict.summary["cells"]["confirmed"] == 0
    assert lax.summary["cells"]["confirmed"] == 1
    assert lax.summary["sites_by_tier"]["possible"] == 1


def test_small_sites_are_left_out(tmp_path, year):
    found = diff(year, tmp_path / "out", DiffOptions(min_site=3))
    assert (found.summary["cells"]["label_differences"], found.summary["cells"]["confirmed"]) == (4, 0)
    assert found.summary["sites"] == 0


def test_regrouping_hides_change_within_a_group(tmp_path):
    before = np.repeat([0, 2, 5, 2], 100).reshape(20, 20)
    after = before.copy()
    after[6, 3] = 3  # Forest to Shrub: both Undeveloped
    after[7, 9] = 0
    maps = classified(tmp_path / "a", sharp(before)), classified(tmp_path / "b", sharp(after))
    found = diff(maps, tmp_path / "out", DiffOptions(regroup="groups3"))
    assert found.summary["classes"] == ["Developed", "Cultivated", "Undeveloped"]
    assert list(found.changes.values()) == [("Undeveloped", "Developed")]


def test_two_foreign_maps_without_probabilities_are_unrated(tmp_path):
    codes = np.array([[1, 1, 2, 0], [2, 2, 2, 2], [1, 1, 1, 1]])
    later = np.array([[1, 2, 2, 2], [2, 2, 0, 2], [1, 1, 1, 1]])
    names = {1: "Trees", 2: "Houses & roads"}
    names = {code: name.replace("&", "&amp;") for code, name in names.items()}
    maps = foreign(tmp_path / "old.tif", codes, names=names), foreign(tmp_path / "new.tif", later, names=names)
    found = diff(maps, tmp_path / "out")
    assert found.summary["cells"]["confirmed"] == 1
    assert found.summary["model"] is None
    assert found.summary["note"]
    assert found.summary["cells"]["expected_false_alarms"] is None
    feature = json.loads((found.out / "change.geojson").read_text())["features"][0]["properties"]
    assert (feature["from"], feature["to"], feature["tier"]) == ("Trees", "Houses & roads", "unrated")
    assert feature["probability"] is None
    with rasterio.open(found.out / "change_probability.tif") as dataset:
        assert np.isnan(dataset.read(1)).all()
    assert {line["expected_ha"] for line in lines_of(found.out)} == {""}
    assert read_record(found.out).grid is None


def test_codes_without_names_are_compared_by_number(tmp_path):
    codes = np.array([[7, 7], [9, 9]])
    maps = foreign(tmp_path / "a.tif", codes), foreign(tmp_path / "b.tif", codes[::-1])
    found = diff(maps, tmp_path / "out")
    assert found.summary["classes"] == ["Class 7", "Class 9"]
    assert found.summary["cells"]["confirmed"] == 4


def test_other_pixel_types_and_extents_of_one_pixel_grid(tmp_path):
    rng = np.random.default_rng(2)
    whole = rng.integers(1, 5, (30, 30))
    a = foreign(tmp_path / "a.tif", whole[:20, :20], dtype="int16")
    b = foreign(tmp_path / "b.tif", whole[8:, 5:], x=600_150.0, y=4_499_760.0, dtype="float32")
    found = diff((a, b), tmp_path / "out")
    assert found.summary["cells"]["compared"] == 12 * 15
    assert found.summary["cells"]["label_differences"] == 0


def test_a_shipped_legend_names_and_crosswalks_foreign_codes(tmp_path):
    nlcd = np.array([[41, 42, 21], [82, 11, 41]])
    later = np.array([[41, 41, 22], [21, 21, 42]])
    maps = foreign(tmp_path / "a.tif", nlcd), foreign(tmp_path / "b.tif", later)
    found = diff(maps, tmp_path / "out", DiffOptions(legend="nlcd6"))
    assert found.summary["cells"]["only_after"] == 1  # open water is unmapped in nlcd6
    assert [(line["from"], line["to"]) for line in lines_of(found.out) if int(line["confirmed_cells"])] == [
        ("Cultivated", "Developed")
    ]


def test_codes_above_99_get_ranks(tmp_path):
    names = {10: "Trees", 100: "Moss", 200: "Sea"}
    a = foreign(tmp_path / "a.tif", np.array([[10, 100], [200, 200]]), names=names)
    b = foreign(tmp_path / "b.tif", np.array([[10, 200], [200, 200]]), names=names)
    found = diff((a, b), tmp_path / "out")
    assert found.summary["codes"] == {"Trees": 1, "Moss": 2, "Sea": 3}
    with rasterio.open(found.out / "change.tif") as dataset:
        assert dataset.read(1).tolist() == [[0, 203], [0, 0]]


def test_legends_in_another_order_are_matched_by_name(tmp_path):
    plain = load_legend("nlcd6")
    turned = plain.model_copy(
        update={
            "classes": tuple(c.model_copy(update={"code": 7 - c.code}) for c in reversed(plain.classes)),
        }
    )
    codes = np.repeat(np.arange(20) % 6, 20).reshape(20, 20)
    a = classified(tmp_path / "a", sharp(codes))
    b = classified(tmp_path / "b", sharp(5 - codes), legend=turned)
    assert diff((a, b), tmp_path / "out").summary["cells"]["label_differences"] == 0


def test_a_classified_folder_and_a_foreign_map_must_coincide(tmp_path, year):
    with rasterio.open(year[1] / "landuse.tif") as dataset:
        codes, transform = dataset.read(1), dataset.transform
    place = {"pixel": 224.0, "x": transform.c, "y": transform.f}
    other = foreign(tmp_path / "other.tif", codes, names=dict(enumerate(NAMES, 1)), **place)
    found = diff((year[0], other), tmp_path / "out")
    assert found.summary["cells"]["confirmed"] == 4
    assert set(found.changes.values()) == {(NAMES[2], "Developed"), (NAMES[3], "Developed")}
    place["x"] += 60
    shifted = foreign(tmp_path / "shifted.tif", codes, names=dict(enumerate(NAMES, 1)), **place)
    with pytest.raises(GridMismatchError, match=r"0\.27 of a cell apart.*gdalwarp"):
        diff((year[0], shifted), tmp_path / "out2")


def test_golden_g5_three_dates_give_every_step_and_the_whole(tmp_path):
    counts = [(27_584, 941, 37_038), (28_537, 2_337, 34_689), (28_911, 4_011, 32_641)]
    names = ("Developed", "Cultivated", "Undeveloped")
    maps = []
    for number, count in enumerate(counts):
        codes = np.repeat([1, 2, 3], count)
        assert len(codes) == 65_563
        square = np.concatenate([codes, np.zeros(257 * 256 - len(codes), int)]).reshape(257, 256)
        maps.append(foreign(tmp_path / f"y{number}.tif", square, names=dict(enumerate(names, 1))))
    found = diff(maps, tmp_path / "out")
    steps = ["1_y0_y1", "2_y1_y2"]
    for folder, first, last in ((".", 0, 2), (steps[0], 0, 1), (steps[1], 1, 2)):
        rows, columns = marginals(found.out / folder)
        assert tuple(rows[n] for n in names) == counts[first]
        assert tuple(columns[n] for n in names) == counts[last]
        assert sorted(p.name for p in (found.out / folder).iterdir()) == sorted(
            FILES + (steps if folder == "." else [])
        )


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(-3, 3), st.integers(-2, 3)), st.sampled_from([0.0, 0.3]))
def test_sums_hold_whatever_the_maps(tmp_path_factory, seed, shift, holes):
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("sums")
    first, second = rng.integers(1, 5, (6, 7)), rng.integers(1, 5, (7, 6))
    first[rng.random(first.shape) < holes], second[rng.random(second.shape) < holes] = 0, 0
    first[3, 3] = second[3 - shift[0], 3 - shift[1]] = 1  # one cell with data in both at least
    a = foreign(folder / "a.tif", first)
    b = foreign(folder / "b.tif", second, x=600_000.0 + 30 * shift[1], y=4_500_000.0 - 30 * shift[0])
    found = diff((a, b), folder / "out")
    rows, columns = marginals(found.out)
    for code in range(1, 5):
        assert rows[f"Class {code}"] == (first == code).sum()
        assert columns[f"Class {code}"] == (second == code).sum()


def another_crs(folder):
    return foreign(folder / "a.tif", np.ones((3, 3))), foreign(folder / "b.tif", np.ones((3, 3)), epsg=26915)


def another_cell_size(folder):
    return foreign(folder / "a.tif", np.ones((3, 3))), foreign(folder / "b.tif", np.ones((3, 3)), pixel=10)


def another_offset(folder):
    return foreign(folder / "a.tif", np.ones((3, 3))), foreign(folder / "b.tif", np.ones((3, 3)), x=600_010)


def elsewhere(folder):
    return foreign(folder / "a.tif", np.ones((3, 3))), foreign(folder / "b.tif", np.ones((3, 3)), x=660_000)


def nothing_in_common(folder):
    return foreign(folder / "a.tif", np.array([[1, 0]])), foreign(folder / "b.tif", np.array([[0, 1]]))


def other_names(folder):
    a = foreign(folder / "a.tif", np.array([[1, 2]]), names={1: "Forest", 2: "Urban"})
    return a, foreign(folder / "b.tif", np.array([[1, 2]]), names={1: "Built", 2: "Trees"})


def empty(folder):
    return foreign(folder / "a.tif", np.zeros((2, 2))), foreign(folder / "b.tif", np.ones((2, 2)))


def absent(folder):
    return foreign(folder / "a.tif", np.ones((2, 2))), folder / "gone.tif"


def plain_folder(folder):
    (folder / "f").mkdir()
    return foreign(folder / "a.tif", np.ones((2, 2))), folder / "f"


def text(folder):
    (folder / "b.tif").write_text("not a raster")
    return foreign(folder / "a.tif", np.ones((2, 2))), folder / "b.tif"


def nowhere(folder):
    with rasterio.open(folder / "b.tif", "w", driver="GTiff", height=2, width=2, count=1, dtype="uint8") as dataset:
        dataset.write(np.ones((1, 2, 2), np.uint8))
    return foreign(folder / "a.tif", np.ones((2, 2))), folder / "b.tif"


def probabilities_of_another_map(folder):
    a = classified(folder / "a", sharp(np.zeros((4, 4), int)))
    b = classified(folder / "b", sharp(np.zeros((5, 5), int)))
    (b / "probabilities.tif").write_bytes((a / "probabilities.tif").read_bytes())
    return a, b


def probabilities_that_are_none(folder):
    wrong = classified(folder / "a", sharp(np.zeros((4, 4), int)) * 3)
    return wrong, classified(folder / "b", sharp(np.zeros((4, 4), int)))


def half_a_folder(folder):
    a = classified(folder / "a", sharp(np.zeros((4, 4), int)))
    (a / "landuse.tif").unlink()
    return a, a


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (another_crs, GridMismatchError, "UTM zone 14N.*UTM zone 15N.*--crs"),
        (another_cell_size, GridMismatchError, "30 metre.*10.*--chip-size"),
        (another_offset, GridMismatchError, "0.33 of a cell apart"),
        (elsewhere, NoOverlapError, "share no ground"),
        (nothing_in_common, NoOverlapError, "No cell has a class in both"),
        (other_names, ConfigError, "'Forest'.*--regroup"),
        (empty, NotARasterError, "a.tif holds no class"),
        (absent, SourceNotFoundError, "There is no map .*gone.tif"),
        (plain_folder, SourceNotFoundError, "holds no run.json"),
        (text, NotARasterError, "cannot be read as a GeoTIFF"),
        (nowhere, MissingCRSError, "where on Earth"),
        (probabilities_of_another_map, DamagedSourceError, "does not fit"),
        (probabilities_that_are_none, DamagedSourceError, "no probabilities"),
        (half_a_folder, SourceNotFoundError, "landuse.tif is missing"),
    ],
)
def test_maps_that_cannot_be_compared_get_one_sentence_and_leave_nothing(tmp_path, make, error, says):
    maps = make(tmp_path)
    with pytest.raises(error, match=says) as caught:
        diff(maps, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_requests_that_cannot_be_right(tmp_path, year):
    with pytest.raises(UsageError, match="at least two maps"):
        diff(year[:1], tmp_path / "out")
    with pytest.raises(UsageError, match="--min-probability"):
        DiffOptions(min_probability=1.5)
    with pytest.raises(UsageError, match="--min-site"):
        DiffOptions(min_site=0)
    with pytest.raises(ConfigError, match="No legend 'nothere'"):
        diff(year, tmp_path / "out", DiffOptions(regroup="nothere"))
    with pytest.raises(ConfigError, match=r"cannot be regrouped.*--legend"):
        names = {1: "Forest"}
        pair = (
            foreign(tmp_path / "a.tif", np.ones((2, 2)), names=names),
            foreign(tmp_path / "b.tif", np.ones((2, 2)), names=names),
        )
        diff(pair, tmp_path / "out", DiffOptions(regroup="groups3"))
    with pytest.raises(ConfigError, match=r"code 77.*nlcd6"):
        odd = foreign(tmp_path / "c.tif", np.full((2, 2), 77))
        diff((odd, odd), tmp_path / "out", DiffOptions(legend="nlcd6"))


def test_an_earlier_result_is_replaced_only_when_asked(tmp_path, year):
    diff(year, tmp_path / "out")
    with pytest.raises(OutputExistsError):
        diff(year, tmp_path / "out")
    assert diff(year, tmp_path / "out", DiffOptions(fresh=True)).summary["cells"]["confirmed"] == 4
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputExistsError):
        diff(year, tmp_path / "mine", DiffOptions(fresh=True))


def test_a_class_0_that_nothing_declares_no_data_is_compared(tmp_path):
    """Dynamic World: water is 0. A hundred cells of water become built land, a hundred of trees become water."""
    before = np.full((20, 20), 5)
    before[:10] = 0
    after = before.copy()
    after[:5], after[15:] = 6, 0
    maps = [tmp_path / "dw_2016.tif", tmp_path / "dw_2023.tif"]
    for path, codes in zip(maps, (before, after), strict=True):
        foreign(path, codes, nodata=None)
    with pytest.warns(LeftOutWarning, match=r"does not say what 0 is, so it counts as a class \(200 cells\)"):
        plain = diff(maps, tmp_path / "plain")
    assert plain.summary["cells"]["confirmed"] == 200
    assert {
        (x["from"], x["to"]): int(x["confirmed_cells"]) for x in lines_of(plain.out) if int(x["confirmed_cells"])
    } == {
        ("Class 0", "Class 6"): 100,
        ("Class 5", "Class 0"): 100,
    }
    named = diff(maps, tmp_path / "named", DiffOptions(legend="dynamicworld"))
    assert marginals(named.out)[0] == {"Water": 200, "Shrub and scrub": 200}
    assert named.summary["cells"]["confirmed"] == 200


def test_no_data_beside_a_class_0_is_no_class(tmp_path):
    """Dynamic World with its edge declared no data: the edge does not become water, which is 0."""
    codes = np.full((20, 20), 5)
    codes[:10], codes[:, 15:] = 0, 255
    maps = [foreign(tmp_path / f"dw_{year}.tif", codes, nodata=255) for year in (2016, 2023)]
    found = diff(maps, tmp_path / "out", DiffOptions(legend="dynamicworld"))
    assert found.summary["cells"]["compared"] == 20 * 15
    assert marginals(found.out)[0] == {"Water": 150, "Shrub and scrub": 150}


def test_codes_of_a_legend_above_255_are_compared_and_the_rest_is_counted(tmp_path):
    before = np.full((20, 20), 311)
    before[:10] = 112
    before[19, :3] = 999
    after = before.copy()
    after[:5] = 211
    maps = [foreign(tmp_path / f"{y}.tif", c, dtype="int16", nodata=-9999) for y, c in (("a", before), ("b", after))]
    with pytest.warns(LeftOutWarning, match=r"left out: 999 \(3 cells\)"):
        found = diff(maps, tmp_path / "crosswalk", DiffOptions(legend="corine5"))
    assert found.summary["cells"]["confirmed"] == 100
    assert found.summary["cells"]["compared"] == 397
    own = diff(maps, tmp_path / "own")
    assert own.summary["cells"]["confirmed"] == 100
    with rasterio.open(own.out / "change.tif") as dataset:
        image = dataset.read(1)
    assert own.summary["codes"] == {"Class 112": 1, "Class 311": 2, "Class 999": 3, "Class 211": 4}
    assert np.unique(image).tolist() == [0, 104]
    sources = {c["name"]: c["sources"] for c in read_record(own.out).legend["classes"]}
    assert sources["Class 112"] == [112]


def test_maps_of_one_name_are_told_apart_by_their_folders(tmp_path):
    codes = np.ones((4, 4), int)
    for year in ("2014", "2020", "2023"):
        (tmp_path / year / "run").mkdir(parents=True)
        foreign(tmp_path / year / "run" / "landcover.tif", codes)
        codes = codes + np.eye(4, dtype=int)
    found = diff([tmp_path / y / "run" / "landcover.tif" for y in ("2014", "2020", "2023")], tmp_path / "out")
    assert (found.summary["before"], found.summary["after"]) == ("2014/landcover", "2023/landcover")
    assert sorted(p.name for p in found.out.iterdir() if p.is_dir()) == [
        "1_2014-landcover_2020-landcover",
        "2_2020-landcover_2023-landcover",
    ]


def test_names_that_differ_by_case_or_spaces_are_one_class(tmp_path):
    codes = np.array([[1, 2], [2, 2]])
    a = foreign(tmp_path / "a.tif", codes, names={1: "Open Water", 2: "Forest"})
    b = foreign(tmp_path / "b.tif", codes, names={1: "open  water", 2: "FOREST"})
    found = diff((a, b), tmp_path / "out")
    assert found.summary["cells"]["compared"] == 4
    assert found.summary["cells"]["label_differences"] == 0


def test_changes_are_listed_by_district_and_in_other_formats(tmp_path, year):
    """Two halves of the map, of which the western one holds the change; every line of a district adds up to its area."""
    side = 224.0
    west, south = CORNER[1] * side, CORNER[0] * side
    halves = [
        shapely.box(west, south, west + 20.5 * side, south + 30 * side),
        shapely.box(west + 20.5 * side, south, west + 40 * side, south + 30 * side),
    ]
    towns = geopandas.GeoDataFrame({"TOWN": ["west", "east"]}, geometry=halves, crs=UTM)
    towns.to_file(tmp_path / "towns.gpkg")
    options = DiffOptions(districts=tmp_path / "towns.gpkg", district_name="TOWN", formats="gpkg,fgb")
    out = diff(year, tmp_path / "out", options).out
    lines = pd.read_csv(out / "districts.csv")
    changed = lines[~lines["from"].str.startswith("(")]
    assert set(changed["from"]) == {NAMES[2], NAMES[3]}
    assert changed[changed["district"] == "east"]["area_ha"].sum() == 0
    confirmed = sum(float(line["confirmed_ha"]) for line in lines_of(out))
    assert changed["area_ha"].sum() == pytest.approx(confirmed, abs=1e-3)
    assert lines.groupby("district")["share"].sum().tolist() == pytest.approx([1, 1], abs=1e-5)
    sites = geopandas.read_file(out / "change.fgb")
    assert sites["cells"].sum() == 4
    assert sites.crs.to_epsg() == 26914
    with pytest.raises(UsageError, match="no column 'name'"):
        diff(year, tmp_path / "again", DiffOptions(districts=tmp_path / "towns.gpkg"))


def flickering(tmp_path):
    """Three years of 20 x 30 cells: one cell comes and goes, one changes for good, one is missing in the second."""
    codes = np.repeat([0, 1, 2], 200).reshape(20, 30)
    years, hole = [codes.copy() for _ in range(3)], np.zeros(codes.shape, bool)
    years[1][2, 2] = 2
    years[1][9, 9] = years[2][9, 9] = 2
    hole[15, 15] = True
    return [
        classified(tmp_path / f"y{year}", sharp(one, sure=0.99), missing=hole if year == 2014 else None)
        for year, one in zip((2010, 2014, 2016), years, strict=True)
    ]


def test_what_a_chain_sees_and_no_label_names_is_possible_at_most(tmp_path):
    codes = np.repeat([0, 1, 2], 200).reshape(20, 30)
    years = [sharp(codes, sure=0.99) for _ in range(3)]
    for year, odds in ((1, [0.01, 0.01, 0.95]), (2, [0.485, 0.01, 0.475])):
        years[year][:, 2:5, 2:5] = np.array([*odds, 0.01, 0.01, 0.01])[:, None, None]
    maps = [classified(tmp_path / f"y{date}", one) for date, one in zip((2010, 2014, 2016), years, strict=True)]
    found = diff(maps, tmp_path / "out").summary
    assert found["sites"] == 0
    assert found["sites_by_tier"] == {"certain": 0, "likely": 0, "possible": 1, "unrated": 0}


def test_three_surveys_are_one_chain(tmp_path):
    found = diff(flickering(tmp_path), tmp_path / "out")
    top = CORNER[0] + 19
    gone, kept = Cell(top - 2, CORNER[1] + 2).id, Cell(top - 9, CORNER[1] + 9).id
    assert list(found.changes) == [kept]
    assert [step["cells"]["confirmed"] for step in found.summary["steps"]] == [1, 0]
    assert [step["cells"]["label_differences"] for step in found.summary["steps"]] == [2, 1]
    assert found.summary["timeline"] == {"changed": 1, "flickering": 1}
    rows = {row["chip_id"]: row for row in pq.read_table(found.out / "timeline.parquet").to_pylist()}
    assert set(rows) == {gone, kept}
    assert rows[gone]["flicker"]
    assert (rows[kept]["after"], rows[kept]["until"], rows[kept]["changes"]) == ("y2010", "y2014", 1)
    assert [rows[kept][f"class_y{year}"] for year in (2010, 2014, 2016)] == [NAMES[1], NAMES[2], NAMES[2]]


def test_weights_of_moves_are_read_and_checked(tmp_path):
    maps, file = flickering(tmp_path), tmp_path / "moves.yaml"
    file.write_text(f"{NAMES[1]}: {{{NAMES[2]}: 0}}\n")
    assert diff(maps, tmp_path / "held", DiffOptions(transitions=file)).summary["cells"]["confirmed"] == 0
    wrong = {
        "Lava: {Forest: 1}": "no such classes",
        f"{NAMES[0]}: 3": "where it goes",
        f"{NAMES[0]}: {{{NAMES[1]}: -1}}": "from 0",
    }
    for text, says in wrong.items():
        file.write_text(text)
        with pytest.raises(ConfigError, match=says):
            diff(maps, tmp_path / "bad", DiffOptions(transitions=file))
    with pytest.raises(UsageError, match="three or more"):
        diff(maps[:2], tmp_path / "bad", DiffOptions(transitions=file))


def test_a_second_survey_that_covers_less_ground_is_part_of_the_chain(tmp_path):
    maps = flickering(tmp_path)
    codes = np.repeat([0, 1, 2], 200).reshape(20, 30)[3:, 4:]
    part = classified(tmp_path / "part2013", sharp(codes, sure=0.99), row=CORNER[0], col=CORNER[1] + 4)
    found = diff([maps[0], part, maps[2]], tmp_path / "out")
    top = CORNER[0] + 19
    assert list(found.changes) == [Cell(top - 9, CORNER[1] + 9).id]
    assert [step["cells"]["confirmed"] for step in found.summary["steps"]] == [0, 1]
