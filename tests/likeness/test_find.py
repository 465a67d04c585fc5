"""What is found looks like what was asked for, in the order of likeness, with the components of features and without."""

import csv
import json
import shutil

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from landuse.errors import DamagedSourceError, OutputExistsError, SourceNotFoundError, UsageError
from landuse.grid import Cell, ChipGrid
from landuse.likeness.finds import EACH, alike_in_map, alike_sites, sheet_html
from landuse.likeness.vectors import Batch, nearest, open_vectors
from landuse.options.results import DiffOptions, FindOptions
from landuse.options.survey import ClassifyOptions
from landuse.outputs.record import damaged_files, read_record
from landuse.stages.classify import classify
from landuse.stages.diff import diff
from landuse.stages.pages import find
from landuse.stages.pages import map as map_page
from tests.patchwork import OPTIONS, patchwork


def cell_of(land, line, col):
    """The chip at a line and a column of the map's raster."""
    with rasterio.open(land / "landuse.tif") as dataset:
        grid = ChipGrid.from_dict(read_record(land).grid)
        x, y = dataset.xy(line, col)
        return Cell(int(y // grid.side), int(x // grid.side))


@pytest.fixture(scope="module")
def years(work, learnt, tmp_path_factory):
    """Two maps of patchworks, and their comparison."""
    folder = tmp_path_factory.mktemp("years")
    later = patchwork(folder / "later", seed=1)
    for name, one in (("land_2014", work), ("land_2020", later)):
        classify(one.survey, folder / name, ClassifyOptions(model=str(learnt), **OPTIONS))
    diff([folder / "land_2014", folder / "land_2020"], folder / "change", DiffOptions(min_probability=0))
    return folder, work.codes, later.codes


def rows(out):
    with (out / "similar.csv").open(encoding="utf8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_patches_of_one_colour_look_alike(years, tmp_path):
    folder, _, _ = years
    found = find(folder / "land_2014", cell_of(folder / "land_2014", 4, 5).id, tmp_path / "out", FindOptions(top=20))
    assert found.features
    lines = rows(tmp_path / "out")
    assert [int(x["rank"]) for x in lines] == list(range(21))
    likeness = [float(x["similarity"]) for x in lines]
    assert likeness == sorted(likeness, reverse=True)
    assert {x["what"] for x in lines} == {lines[0]["what"]}
    assert len({x["chip_id"] for x in lines}) == 21
    frame = geopandas.read_file(tmp_path / "out" / "similar.gpkg")
    assert len(frame) == 21
    assert np.allclose(frame.geometry.area, 32**2)
    assert damaged_files(tmp_path / "out", read_record(tmp_path / "out")) == {}
    page = (tmp_path / "out" / "similar.html").read_text("utf8")
    assert page.count("<img ") == 21
    assert str(folder) not in page


def test_without_components_probabilities_are_compared_and_it_is_said(years, tmp_path):
    folder, _, _ = years

    shutil.copytree(folder / "land_2014", tmp_path / "land")
    (tmp_path / "land" / "components.tif").unlink()
    found = alike_in_map(tmp_path / "land", cell_of(folder / "land_2014", 4, 5), 10)
    assert not found.features
    assert {one.what for one in found.finds} == {found.finds[0].what}
    assert "have no components.tif" in sheet_html(found)


def test_the_sites_of_a_change_like_it_come_first(years, tmp_path):
    folder, before, after = years
    line, col = np.argwhere(before != after)[0]
    kind = before[line, col], after[line, col]
    with rasterio.open(folder / "change" / "change.tif") as dataset:
        confirmed = dataset.read(1)
    asked = cell_of(folder / "land_2014", line, col)
    find(folder / "change", asked.id, tmp_path / "out", FindOptions(top=10))
    lines = rows(tmp_path / "out")
    assert len({x["site"] for x in lines}) == len(lines)
    assert {x["what"] for x in lines} == {lines[0]["what"]}
    assert "→" in lines[0]["what"]
    assert (confirmed == 100 * int(kind[0]) + int(kind[1])).sum() > 10
    page = (tmp_path / "out" / "similar.html").read_text("utf8")
    assert page.count("<img ") == 2 * len(lines)
    assert "<figcaption>2014<" in page
    assert "<figcaption>2020<" in page


def test_the_map_page_names_sites_that_changed_alike(years, tmp_path):
    folder, _, _ = years
    change, lands = folder / "change", (folder / "land_2014", folder / "land_2020")
    alike = alike_sites(change, read_record(change), lands)
    sites = geopandas.read_file(change / "change.gpkg", layer="change").set_index("site")
    kinds = (sites["from"] + sites["to"]).to_dict()
    assert len(alike) > 10
    assert all(site not in others and len(set(others)) == len(others) == EACH for site, others in alike.items())
    pairs = [(kinds[site], kinds[others[0]]) for site, others in alike.items()]
    assert sum(one == other for one, other in pairs) > 0.8 * len(pairs)
    likest = find(change, cell_in(sites, next(iter(alike))), tmp_path / "out", FindOptions(top=EACH))
    assert likest.finds[0].site == next(iter(alike))
    map_page([change], tmp_path / "map.html")
    data = json.loads((tmp_path / "map.html").read_text("utf8").split('id="landuse-data">')[1].split("</script>")[0])
    told = data["changes"][0]["sites"]
    assert {n: others for n, others in zip(told["number"], told["alike"], strict=True) if others} == alike
    (shutil.copytree(lands[0], tmp_path / "land_2014") / "components.tif").unlink()
    assert alike_sites(change, read_record(change), (tmp_path / "land_2014", lands[1])) == {}
    assert alike_sites(change, read_record(change), (None, lands[1])) == {}


def cell_in(sites, number):
    """A chip of a site."""
    point = sites.geometry[number].representative_point()
    return Cell(int(point.y // 32), int(point.x // 32)).id


def test_what_cannot_be_found_is_said(years, tmp_path):
    folder, _, _ = years
    with pytest.raises(UsageError, match="no chip r1c1"):
        find(folder / "land_2014", "r1c1", tmp_path / "out")
    with pytest.raises(UsageError, match="not a chip id"):
        find(folder / "land_2014", "../../x", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine")
    with pytest.raises(OutputExistsError):
        find(folder / "land_2014", cell_of(folder / "land_2014", 4, 5).id, tmp_path / "mine")


def test_maps_of_other_models_fall_back_to_probabilities_and_damage_is_named(years, tmp_path):

    folder, _, _ = years
    for name in ("land_2014", "land_2020"):
        shutil.copytree(folder / name, tmp_path / name)
    record = tmp_path / "land_2020" / "run.json"
    record.write_text(record.read_text("utf8").replace('"model_digest": "', '"model_digest": "other'), "utf8")
    assert [one.features for one in open_vectors(tmp_path / "land_2014", tmp_path / "land_2020")] == [False, False]
    assert open_vectors(tmp_path / "land_2020")[0].features
    (tmp_path / "land_2020" / "components.tif").write_bytes(b"nonsense")
    with pytest.raises(DamagedSourceError, match="damaged"):
        open_vectors(tmp_path / "land_2020")
    with pytest.raises(SourceNotFoundError, match="landuse diff"):
        open_vectors(folder / "change")


def test_hostile_class_names_are_text(years, tmp_path):

    folder, _, _ = years
    shutil.copytree(folder / "land_2014", tmp_path / "land")
    path = tmp_path / "land" / "chips.parquet"
    table = pq.read_table(path)
    names = pa.array(["</p><script>alert(1)</script>"] * len(table))
    pq.write_table(table.set_column(table.schema.get_field_index("class"), "class", names), path)
    page = sheet_html(alike_in_map(tmp_path / "land", cell_of(folder / "land_2014", 4, 5), 3))
    assert "<script" not in page
    assert "&lt;script" in page


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_batches_give_what_all_at_once_would(batch, most, count, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 3)).astype(np.float32)
    vectors[rng.random(count) < 0.1] = np.nan
    cols, query = np.arange(count), np.array([1, 0, 0], np.float32)
    parts = [
        Batch(np.zeros(len(cols[i : i + batch]), np.int64), cols[i : i + batch], vectors[i : i + batch])
        for i in range(0, count, batch)
    ]
    found = nearest(parts, query, most, Cell(0, 0))
    known = [
        i for i in np.lexsort((cols, -vectors[:, 0].astype(float))).tolist() if np.isfinite(vectors[i, 0]) and i != 0
    ]
    assert found.cols.tolist() == known[:most]
    assert np.allclose(found.similarity, vectors[known[:most], 0])
