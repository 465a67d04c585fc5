import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from landuse.chips import CHIPS_FILE, read_chips, read_columns, write_chips
from landuse.errors import ChipTableError, SourceNotFoundError, UsageError
from landuse.grid import CellRange, ChipGrid
from landuse.legend import load_legend
from tests.made import UTM, chip_set

LEGEND = load_legend("nlcd6")


@pytest.fixture
def labelled():
    return chip_set(legend=LEGEND)


def same(one, other):
    for name in ("rows", "cols", "valid", "labels", "purity", "shares"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        assert a is None or (a == b).all(), name
        assert a is None or a.dtype == b.dtype, name
    assert (one.sources.offsets == other.sources.offsets).all()
    assert (one.sources.numbers == other.sources.numbers).all()
    assert (one.grid, one.survey, one.legend) == (other.grid, other.survey, other.legend)


@pytest.mark.parametrize("group", [7, 500, 2**16])
@pytest.mark.parametrize("legend", [None, LEGEND])
def test_what_is_written_is_read(tmp_path, monkeypatch, legend, group):
    monkeypatch.setattr("landuse.chips.writing.ROW_GROUP", group)
    chips = chip_set(legend=legend)
    write_chips(tmp_path / CHIPS_FILE, chips)
    same(read_chips(tmp_path), chips)
    same(read_chips(tmp_path / CHIPS_FILE), chips)


def test_a_table_without_chips(tmp_path, labelled):
    none = labelled.subset(np.zeros(len(labelled), bool))
    write_chips(tmp_path / "x.parquet", none)
    same(read_chips(tmp_path / "x.parquet"), none)


def test_labels_without_shares(tmp_path, labelled):
    chips = replace(labelled, purity=None, shares=None)
    write_chips(tmp_path / "x.parquet", chips)
    same(read_chips(tmp_path / "x.parquet"), chips)


def test_geopandas_opens_it_in_the_lattice_crs(tmp_path, labelled):
    write_chips(tmp_path / "x.parquet", labelled)
    frame = gpd.read_parquet(tmp_path / "x.parquet")
    columns = ["chip_id", "row", "col", "geometry", "valid", "sources", "label", "purity", "shares"]
    assert list(frame.columns) == columns
    assert frame.crs == UTM
    assert frame.geometry.is_valid.all()
    assert frame.geometry.exterior.is_ccw.all()
    assert frame.geometry.area.to_numpy() == pytest.approx(np.full(len(labelled), 224.0**2))
    assert (frame.chip_id == labelled.ids).all()
    expected = labelled.grid.polygons(labelled.rows, labelled.cols)
    assert gpd.GeoSeries(expected, crs=UTM).geom_equals(frame.geometry).all()
    names = [LEGEND.name_of(code) if code else None for code in labelled.labels.tolist()]
    assert frame.label.where(frame.label.notna(), None).tolist() == names
    assert dict(frame.shares[5]) == {
        n: s for n, s in zip(LEGEND.names, labelled.shares[5].tolist(), strict=True) if s > 0
    }
    assert list(frame.sources[5]) == list(labelled.source_names(5))


def test_the_geo_metadata_follow_the_specification(tmp_path, labelled):
    write_chips(tmp_path / "x.parquet", labelled)
    geo = json.loads(pq.read_schema(tmp_path / "x.parquet").metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert geo["version"] == "1.1.0"
    assert (column["encoding"], column["geometry_types"]) == ("WKB", ["Polygon"])
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 26918}
    side = labelled.grid.side
    assert column["bbox"] == [-20 * side, -20 * side, 20 * side, 20 * side]


def test_chips_in_feet_keep_their_ground(tmp_path):
    from pyproj import CRS

    grid = ChipGrid(CRS.from_epsg(2234))
    chips = replace(chip_set(CellRange(800, 803, 1000, 1003)), grid=grid)
    write_chips(tmp_path / "x.parquet", chips)
    frame = gpd.read_parquet(tmp_path / "x.parquet")
    assert frame.geometry.area.to_numpy() * grid.metres_per_unit**2 == pytest.approx(np.full(9, 224.0**2))
    assert read_chips(tmp_path / "x.parquet").grid.same_lattice(grid)


def test_extra_columns_come_last_and_are_read_by_name(tmp_path, labelled):
    rng = np.random.default_rng(0)
    extra = {"class": rng.choice(np.array(["A", "B"]), len(labelled)), "confidence": rng.random(len(labelled))}
    write_chips(tmp_path / "x.parquet", labelled, extra)
    table = read_columns(tmp_path / "x.parquet", ["chip_id", "confidence", "class"])
    assert table.column_names == ["chip_id", "confidence", "class"]
    assert (table["confidence"].to_numpy() == extra["confidence"]).all()
    assert table["class"].to_pylist() == extra["class"].tolist()
    assert pq.read_schema(tmp_path / "x.parquet").names[-2:] == ["class", "confidence"]
    with pytest.raises(ChipTableError, match="no column altitude"):
        read_columns(tmp_path / "x.parquet", ["altitude"])


def test_extra_columns_must_fit(tmp_path, labelled):
    with pytest.raises(UsageError, match="valid"):
        write_chips(tmp_path / "x.parquet", labelled, {"valid": labelled.valid})
    with pytest.raises(UsageError, match="'p'"):
        write_chips(tmp_path / "x.parquet", labelled, {"p": np.zeros(3)})


def test_rows_in_another_order_come_back_into_order(tmp_path, labelled):
    write_chips(tmp_path / "x.parquet", labelled)
    table = pq.read_table(tmp_path / "x.parquet")
    mixed = table.take(np.random.default_rng(2).permutation(len(table)))
    pq.write_table(mixed, tmp_path / "y.parquet", row_group_size=100)
    same(read_chips(tmp_path / "y.parquet"), labelled)


def test_there_is_no_such_table(tmp_path):
    with pytest.raises(SourceNotFoundError, match="landuse tile"):
        read_chips(tmp_path)
    with pytest.raises(SourceNotFoundError):
        read_chips(tmp_path / "x.parquet")


def header(table, **changes):
    values = json.loads(table.schema.metadata[b"landuse"]) | changes
    return table.replace_schema_metadata({b"landuse": json.dumps(values)})


def column(table, name, values):
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values))


def first(table, name, value):
    return column(table, name, [value, *table[name].to_pylist()[1:]])


ATTACKS = {
    "no metadata": lambda t: t.replace_schema_metadata(None),
    "metadata not JSON": lambda t: t.replace_schema_metadata({b"landuse": b"\xff{"}),
    "metadata a list": lambda t: t.replace_schema_metadata({b"landuse": b"[1]"}),
    "metadata deep": lambda t: t.replace_schema_metadata({b"landuse": b"[" * 100_000}),
    "another format": lambda t: header(t, format=99),
    "no grid": lambda t: header(t, grid={}),
    "grid in degrees": lambda t: header(t, grid={"crs": "EPSG:4326", "chip_m": 224, "chip_px": 224}),
    "grid of no size": lambda t: header(t, grid={"crs": "EPSG:26918", "chip_m": -1, "chip_px": 224}),
    "grid of words": lambda t: header(t, grid={"crs": "EPSG:26918", "chip_m": "wide", "chip_px": 224}),
    "unknown crs": lambda t: header(t, grid={"crs": "EPSG:99", "chip_m": 224, "chip_px": 224}),
    "no survey": lambda t: header(t, survey={}),
    "survey of nothing": lambda t: header(t, survey={"sources": [], "bands": [1], "stretch": None}),
    "survey of words": lambda t: header(t, survey={"sources": ["a.tif"], "bands": [1], "stretch": None}),
    "legend of words": lambda t: header(t, legend={"name": "x", "classes": "many"}),
    "labels without legend classes": lambda t: header(t, legend=load_legend("groups3").model_dump(mode="json")),
    "no rows": lambda t: t.drop_columns(["row"]),
    "no sources": lambda t: t.drop_columns(["sources"]),
    "row of text": lambda t: column(t, "row", [str(v) for v in t["row"].to_pylist()]),
    "row missing": lambda t: first(t, "row", None),
    "row far away": lambda t: first(t, "row", 2**62),
    "row farthest away": lambda t: first(t, "row", -(2**63)),
    "chip twice": lambda t: pa.concat_tables([t, t]),
    "valid above one": lambda t: column(t, "valid", np.full(len(t), 2, np.float32)),
    "valid not a number": lambda t: column(t, "valid", np.full(len(t), np.nan, np.float32)),
    "unknown source": lambda t: column(t, "sources", [["/etc/passwd"]] * len(t)),
    "sources missing": lambda t: column(t, "sources", [None] + [["a.tif"]] * (len(t) - 1)),
    "source missing": lambda t: column(t, "sources", [[None]] + [["a.tif"]] * (len(t) - 1)),
    "unknown label": lambda t: column(t, "label", ["../../etc"] * len(t)),
    "unknown share": lambda t: column(
        t, "shares", pa.array([[("Lava", 1.0)]] * len(t), pa.map_(pa.string(), pa.float32()))
    ),
    "share not a number": lambda t: column(
        t, "shares", pa.array([[("Forest", float("nan"))]] * len(t), pa.map_(pa.string(), pa.float32()))
    ),
    "share too large": lambda t: column(
        t, "shares", pa.array([[("Forest", 7.0)]] * len(t), pa.map_(pa.string(), pa.float32()))
    ),
    "purity too large": lambda t: column(t, "purity", np.full(len(t), 3, np.float32)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_table_of_a_stranger_is_refused_in_one_sentence(tmp_path, labelled, attack):
    write_chips(tmp_path / "x.parquet", labelled)
    pq.write_table(ATTACKS[attack](pq.read_table(tmp_path / "x.parquet")), tmp_path / "y.parquet")
    with pytest.raises(ChipTableError, match=r"y\.parquet") as caught:
        read_chips(tmp_path / "y.parquet")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_files_that_are_no_parquet(tmp_path, labelled):
    (tmp_path / "x.parquet").write_text("row,col\n1,2\n")
    with pytest.raises(ChipTableError, match="not a Parquet file"):
        read_chips(tmp_path / "x.parquet")
    write_chips(tmp_path / "y.parquet", labelled)
    whole = (tmp_path / "y.parquet").read_bytes()
    (tmp_path / "y.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ChipTableError, match="not a Parquet file"):
        read_chips(tmp_path / "y.parquet")
    (tmp_path / "y.parquet").write_bytes(whole[:2000] + bytes(3000) + whole[5000:])
    with pytest.raises(ChipTableError, match=r"y\.parquet"):
        read_chips(tmp_path / "y.parquet")
