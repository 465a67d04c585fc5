import base64
import json
import re
import shutil
import zlib

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Transformer

from landuse.errors import ConfigError, LanduseError, NoOverlapError, OutputExistsError, SourceNotFoundError, UsageError
from landuse.legend import LandClass, Legend, load_legend
from landuse.options.results import PageOptions
from landuse.outputs.html import script_json
from landuse.outputs.page import check_replaceable, write_map
from landuse.outputs.page.assets import OPENSTREETMAP, basemap_of, page_script, page_words
from landuse.outputs.page.folders import folder_labels, read_folders
from landuse.outputs.page.mesh import Lattice, degrees_of, meridian_of
from landuse.outputs.record import RunRecord, write_record
from tests.outputs.conftest import HOSTILE, Maker, built_up, made_land


def data_of(page):
    text = re.search(r'<script type="application/json" id="landuse-data">(.*?)</script>', page.read_text("utf8"), re.S)
    return json.loads(text[1])


def bytes_of(text, shape):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(shape)


def years_of(maker):
    codes = made_land((12, 16), blot=2)
    before = maker.classify("landuse_2010", codes)
    after = maker.classify("landuse_2016", built_up(codes, sites=5))
    return before, after, maker.diff("change", before, after)


@pytest.fixture(scope="module")
def two_years(tmp_path_factory):
    """To be read only."""
    return years_of(Maker(tmp_path_factory.mktemp("years")))


@pytest.fixture
def restored(two_years):
    """The same, whose JSON files of the change a test may write anew."""
    files = {path: path.read_bytes() for path in two_years[2].glob("*.*json")}
    yield two_years
    for path, content in files.items():
        path.write_bytes(content)


def test_page_holds_every_year_and_every_change(two_years, tmp_path):
    write_map(two_years, tmp_path / "map.html")
    data = data_of(tmp_path / "map.html")
    assert [year["label"] for year in data["years"]] == ["2010", "2016"]
    assert [change["name"] for change in data["changes"]] == ["2010 to 2016"]
    assert (data["changes"][0]["before"], data["changes"][0]["after"]) == (0, 1)
    sites = json.loads((two_years[2] / "change.geojson").read_text())["features"]
    names = [c["name"] for c in data["classes"]]
    assert [names[i] for i in data["changes"][0]["sites"]["from"]] == [s["properties"]["from"] for s in sites]


def test_cells_come_back_with_their_class_and_confidence(maker, tmp_path):
    codes = made_land((12, 16), blot=2)
    codes[3, 4] = 0
    sure = np.full(codes.shape, 0.87, np.float32)
    write_map([maker.classify("landuse_2010", codes, confidence=sure)], tmp_path / "map.html")
    data = data_of(tmp_path / "map.html")
    (layer,) = data["years"][0]["grid"]["layers"]
    names = np.array(["", *(c["name"] for c in data["classes"])])
    expected = np.array(["", *load_legend("nlcd8").names])[codes]
    assert (names[bytes_of(layer["classes"], codes.shape)] == expected).all()
    percent = bytes_of(layer["percent"], codes.shape)
    assert percent[3, 4] == 255
    assert set(percent[codes > 0].tolist()) == {88}  # in steps of two


def test_coordinates_come_back_to_a_tenth_of_a_metre(two_years, tmp_path):
    write_map(two_years, tmp_path / "map.html")
    steps = data_of(tmp_path / "map.html")["changes"][0]["sites"]["polygons"][0][0][0]
    points = np.cumsum(np.array(steps).reshape(-1, 2), axis=0) / 1e6
    first = json.loads((two_years[2] / "change.geojson").read_text())["features"][0]["geometry"]["coordinates"][0]
    assert points == pytest.approx(np.array(first)[:-1], abs=6e-7)


def test_sites_carry_both_years_probabilities(two_years, tmp_path):
    write_map(two_years, tmp_path / "map.html")
    data = data_of(tmp_path / "map.html")
    sites = data["changes"][0]["sites"]
    for kind, vectors in (("from", sites["before"]), ("to", sites["after"])):
        assert [int(np.argmax(vector)) for vector in vectors] == sites[kind]
        assert all(95 <= sum(vector) <= 105 for vector in vectors)


def test_page_names_no_other_server(two_years, tmp_path):
    write_map(two_years, tmp_path / "map.html")
    text = (tmp_path / "map.html").read_text("utf8")
    ours = re.sub(r"<script>/\* @preserve.*?</script>|/\*.*?\*/", "", text, flags=re.S)
    assert len(ours) < len(text)
    ours = ours.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "").replace("/https?:", "")
    assert len(re.findall("http", ours)) == 2
    assert ours.count("https://tile.openstreetmap.org") == 2
    write_map(two_years, tmp_path / "none.html", PageOptions(basemap="none"))
    assert "openstreetmap" not in (tmp_path / "none.html").read_text("utf8")
    assert not re.findall(r"url\((?!data:|#)", ours)


def test_legend_shows_only_classes_that_occur_with_area_and_share(maker, tmp_path):
    codes = np.array([[1, 1, 3], [3, 3, 3]], np.uint8)
    write_map([maker.classify("landuse_2010", codes)], tmp_path / "map.html")
    assert [c["name"] for c in data_of(tmp_path / "map.html")["classes"]] == ["Developed", "Forest"]
    (year,) = data_of(tmp_path / "map.html")["years"]
    assert year["areas"] == {"0": pytest.approx(10.0, abs=0.1), "1": pytest.approx(20.0, abs=0.2)}
    assert year["shares"] == {"0": pytest.approx(1 / 3, abs=1e-3), "1": pytest.approx(2 / 3, abs=1e-3)}
    assert year["mapped"] == pytest.approx(30.1, abs=0.2)


def test_equal_folders_give_equal_pages(two_years, tmp_path):
    write_map(two_years, tmp_path / "one.html")
    write_map(two_years, tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_years_stand_in_the_order_of_time(two_years):
    years, changes = read_folders([two_years[2], two_years[1], two_years[0]])
    assert [year.label for year in years] == ["2010", "2016"]
    assert (changes[0].before, changes[0].after) == ("2010", "2016")


def test_labels_tell_folders_apart(tmp_path):
    def labels(*names):
        return list(folder_labels([tmp_path / name for name in names]).values())

    assert labels("landuse_2010", "landuse_2016") == ["2010", "2016"]
    assert labels("old 2010", "new 2010") == ["old 2010", "new 2010"]
    assert labels("a/map", "b/map") == ["a/map", "b/map"]
    assert labels("2014/map", "2020/map") == ["2014", "2020"]
    assert labels("county") == ["county"]
    assert labels("x12345") == ["x12345"]


def test_a_year_alone_and_a_change_alone_make_a_map(two_years, tmp_path):
    write_map([two_years[0]], tmp_path / "year.html")
    write_map([two_years[2]], tmp_path / "change.html")
    assert "<title>2010</title>" in (tmp_path / "year.html").read_text("utf8")
    assert data_of(tmp_path / "change.html")["years"] == []


def test_evidence_and_tiers_come_along(two_years, tmp_path):
    write_map(two_years, tmp_path / "map.html")
    change = data_of(tmp_path / "map.html")["changes"][0]
    assert change["evidence"]["compared"] == 192
    assert change["evidence"]["limits"] == ["Too little ground."]
    assert sum(change["sites"]["area"]) == pytest.approx(change["evidence"]["confirmed_ha"], abs=1e-3)
    assert change["tier_words"]["likely"] == "Worth acting on."
    assert change["tiers"] == ["likely", "possible", "doubtful", "unrated"]


@pytest.mark.parametrize("text", ["", "[]", '{"cells": 3}', '{"cells": {"compared": "many"}}'])
def test_a_summary_in_other_words_only_costs_its_sentences(restored, tmp_path, text):
    (restored[2] / "summary.json").write_text(text)
    write_map(restored, tmp_path / "map.html")
    assert data_of(tmp_path / "map.html")["changes"][0]["evidence"] is None
    assert data_of(tmp_path / "map.html")["changes"][0]["tiers"] == ["likely", "possible", "doubtful"]


def test_steps_of_a_longer_comparison_are_layers_too(maker):
    two_years = years_of(maker)
    shutil.copytree(maker.diff("step", *two_years[:2]), two_years[2] / "1_2010_2016")
    _, changes = read_folders(two_years)
    assert [change.step for change in changes] == [False, True]
    assert [change.label for change in changes] == ["2010 to 2016 (change)", "2010 to 2016 (2010_2016)"]


def test_hostile_words_are_text_everywhere(maker, tmp_path):
    legend = Legend(
        name="x",
        classes=(LandClass(code=1, name=HOSTILE, color="#112233"), LandClass(code=2, name="B", color="#445566")),
    )
    before = maker.classify("a<b>&'\"2010", np.array([[1, 1], [2, 1]], np.uint8), legend)
    after = maker.classify("a<b>&'\"2016", np.array([[1, 2], [2, 2]], np.uint8), legend)
    change = maker.diff("<svg onload=alert(2)>", before, after, legend)
    write_map([before, after, change], tmp_path / "map.html", PageOptions(title=f"Title {HOSTILE}"))
    text = (tmp_path / "map.html").read_text("utf8")
    assert "<img" not in text
    assert "<svg onload" not in text
    assert text.count("</script>") == 5
    assert data_of(tmp_path / "map.html")["classes"][0]["name"] == HOSTILE


def test_script_json_cannot_end_its_script():
    text = script_json({"a": "</script><!--&\u2028\u2029"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": "</script><!--&\u2028\u2029"}


def test_folders_that_are_no_results_are_refused_in_one_sentence(two_years, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "tiled").mkdir()
    write_record(tmp_path / "tiled", RunRecord(command="tile"))
    for folders, error, words in (
        ([], UsageError, "at least one folder"),
        ([tmp_path / "photos"], SourceNotFoundError, "not the result of a landuse command"),
        ([tmp_path / "none"], SourceNotFoundError, "none"),
        ([tmp_path / "tiled"], UsageError, "landuse tile"),
        ([two_years[0], two_years[0]], UsageError, "twice"),
    ):
        with pytest.raises(error, match=words) as raised:
            write_map(folders, tmp_path / "map.html")
        assert "\n" not in str(raised.value)
        assert not (tmp_path / "map.html").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"features": 3}',
        '{"features": [3]}',
        '{"features": [{"geometry": null}]}',
        '{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}}]}',
        '{"features": [{"geometry": {"type": "Polygon", "coordinates": []}}]}',
        '{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [1, 2]]]}}]}',
        '{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3, "x"], [4, 4], [1, 2]]]}}]}',
        '{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[1, 2], [NaN, 4], [4, 4], [1, 2]]]}}]}',
        '{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[300, 2], [3, 4], [4, 4], [300, 2]]]}}]}',
        "[" * 100_000,
    ],
)
def test_damaged_polygons_are_one_clear_error(restored, tmp_path, text):
    (restored[2] / "change.geojson").write_text(text)
    with pytest.raises(ConfigError, match=r"change\.geojson is damaged"):
        write_map(restored, tmp_path / "map.html")


@pytest.mark.parametrize("name", ["landuse.tif", "probabilities.tif"])
def test_damaged_rasters_are_one_clear_error(maker, tmp_path, name):
    folder = maker.classify("y2010", np.ones((2, 2), np.uint8))
    (folder / name).write_bytes(b"not a raster")
    with pytest.raises(LanduseError, match=rf"{name}"):
        write_map([folder], tmp_path / "map.html")
    shutil.copy(maker.classify("y2012", np.ones((3, 4), np.uint8)) / "probabilities.tif", folder / "probabilities.tif")
    shutil.copy(maker.root / "y2012" / "landuse.tif", folder / "landuse.tif")
    shutil.copy(maker.classify("y2014", np.ones((2, 5), np.uint8)) / name, folder / name)
    with pytest.raises(ConfigError, match="does not fit"):
        write_map([folder], tmp_path / "map.html")


def test_odd_numbers_become_not_stated(restored, tmp_path):
    data = json.loads((restored[2] / "change.geojson").read_text())
    data["features"][0]["properties"] |= {"area_ha": "<b>much</b>", "probability": True}
    (restored[2] / "change.geojson").write_text(json.dumps(data))
    write_map(restored, tmp_path / "map.html")
    sites = data_of(tmp_path / "map.html")["changes"][0]["sites"]
    assert (sites["area"][0], sites["probability"][0]) == (None, None)


def test_a_missing_file_and_an_empty_map_are_clear_errors(maker, tmp_path):
    folder = maker.classify("y2010", np.ones((2, 2), np.uint8))
    (folder / "summary.csv").unlink()
    with pytest.raises(SourceNotFoundError, match=r"summary\.csv"):
        write_map([folder], tmp_path / "map.html")
    with pytest.raises(NoOverlapError, match="Nothing is mapped"):
        write_map([maker.classify("y2016", np.zeros((2, 2), np.uint8))], tmp_path / "map.html")


def test_a_place_that_cannot_be_written_is_a_clear_error(two_years, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(LanduseError, match="Cannot write"):
        write_map(two_years, tmp_path / "file" / "map.html")


def test_only_pages_of_landuse_are_replaced(two_years, tmp_path):
    page, other = tmp_path / "map.html", tmp_path / "thesis.html"
    write_map(two_years[:1], page)
    other.write_text("<html>years of work</html>")
    check_replaceable(page)
    check_replaceable(tmp_path / "new.html")
    check_replaceable(other, fresh=True)
    with pytest.raises(OutputExistsError, match="did not write"):
        check_replaceable(other)
    with pytest.raises(OutputExistsError, match="is a folder"):
        check_replaceable(two_years[0], fresh=True)


def test_the_licence_of_leaflet_ships():
    from importlib.resources import files

    folder = files("landuse.outputs") / "assets" / "leaflet"
    assert "BSD 2-Clause" in (folder / "LICENSE").read_text()
    assert "1.9.4" in (folder / "leaflet.js").read_text()[:200]


def test_command_writes_a_page_and_refuses_in_one_sentence(maker, tmp_path, capsys):
    from landuse.cli.main import run

    out, two_years = tmp_path / "map.html", years_of(maker)
    assert run(["map", *map(str, two_years), "--out", str(out), "--title", "Our county"]) == 0
    assert "<title>Our county</title>" in out.read_text("utf8")
    shutil.rmtree(two_years[1])
    assert run(["map", str(two_years[1]), "--out", str(out)]) == 1
    assert capsys.readouterr().err.count("Error: ") == 1


def test_ground_on_both_sides_of_180_degrees_lies_side_by_side():
    lattice = Lattice(Affine(1000, 0, 400_000, 0, -1000, 5e5), CRS.from_epsg(32660), (10, 600), meridian=180.0)
    x, y = lattice.world(np.array([0.0, 300.0, 600.0]), np.array([5.0, 5.0, 5.0]))
    lon, _ = degrees_of(x, y)
    assert (np.diff(lon) > 0).all()
    assert lon[2] > 180
    assert lattice.cells(x, y) == pytest.approx(np.array([[0, 300, 600], [5, 5, 5]]), abs=1e-4)
    assert meridian_of(np.array([179.0, -179.0])) == 180
    assert meridian_of(np.array([-72.0, -71.0])) == 0


@pytest.mark.parametrize("epsg", [26919, 5070, 2249, 3413])
def test_meshes_place_every_cell_to_a_few_hundredths(epsg):
    """A UTM zone, Albers, a state plane in feet, and a polar plane turned far from north."""
    crs, shape = CRS.from_epsg(epsg), (300, 500)
    centre = Transformer.from_crs(4326, crs, always_xy=True).transform(-70.9, 42.3)
    lattice = Lattice(Affine(224, 0, centre[0], 0, -224, centre[1]), crs, shape)
    placing, draw = lattice.placing(), np.random.default_rng(epsg)
    cols, lines = draw.uniform(0, 500, 2000), draw.uniform(0, 300, 2000)
    assert placing.to_cells.at(*lattice.world(cols, lines)) == pytest.approx(np.stack([cols, lines]), abs=0.05)
    assert lattice.cells(*placing.to_world.at(cols, lines)) == pytest.approx(np.stack([cols, lines]), abs=0.05)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)//{z}{x}{y}",
        "https://a.org/{z}/{x}",
        "https://a.org/{z}/{x}/{y}/{s}",
        "https://a.org/{z}/{x}/{y}'onerror='x",
        "https://a.org; script-src 'unsafe-inline'/{z}/{x}/{y}",
        "https://{z}.org/{x}/{y}",
        "https://user@a.org/{z}/{x}/{y}",
        'https://a.org/{z}/{x}/{y}"><script>',
        "//a.org/{z}/{x}/{y}",
        "",
    ],
)
def test_an_address_that_could_say_more_than_where_tiles_lie_is_refused(address):
    with pytest.raises(UsageError, match="no address of a base map"):
        basemap_of(address)


def test_base_maps_of_web_map_servers_are_taken():
    assert basemap_of("none") is None
    assert basemap_of(OPENSTREETMAP).credit == "© OpenStreetMap contributors"
    wmts = basemap_of("https://a.org:8080/wmts?layer=o&tilematrix={TileMatrix}&tilerow={TileRow}&tilecol={TileCol}")
    assert wmts.url == "https://a.org:8080/wmts?layer=o&tilematrix={z}&tilerow={y}&tilecol={x}"
    assert (wmts.origin, wmts.credit) == ("https://a.org:8080", "a.org:8080")


def test_every_word_has_its_like_in_the_other_language():
    words = page_words()
    assert words["en"].keys() == words["es"].keys()
    for key, text in words["en"].items():
        told = [t if isinstance(t, str) else " ".join(t.values()) for t in (text, words["es"][key])]
        assert len({frozenset(re.findall(r"\{\w+\}", t)) for t in told}) == 1, key


def test_every_word_that_a_script_says_is_there():
    used = set(re.findall(r'(?:say|word|button|labelled)\("(\w+)"', page_script()))
    assert used <= page_words()["en"].keys(), used - page_words()["en"].keys()
