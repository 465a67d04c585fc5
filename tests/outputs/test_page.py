import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from landuse.errors import ConfigError, LanduseError, NoOverlapError, OutputExistsError, SourceNotFoundError, UsageError
from landuse.legend import LandClass, Legend
from landuse.outputs.page import check_replaceable, write_map
from landuse.outputs.page.folders import folder_labels, read_folders
from landuse.outputs.page.payload import script_json
from landuse.outputs.record import RunRecord, write_record
from tests.outputs.conftest import built_up, made_land

HOSTILE = "</script><img src=x onerror=alert(1)>"


def data_of(page):
    text = re.search(r'<script type="application/json" id="landuse-data">(.*?)</script>', page.read_text("utf8"), re.S)
    return json.loads(text[1])


@pytest.fixture
def two_years(maker):
    codes = made_land((12, 16), blot=2)
    before = maker.classify("landuse_2010", codes)
    after = maker.classify("landuse_2016", built_up(codes, sites=5))
    return before, after, maker.diff("change", before, after)


def test_page_holds_every_year_and_every_change(two_years, tmp_path):
    write_map(two_years, tmp_path / "map.html")
    data = data_of(tmp_path / "map.html")
    assert [year["label"] for year in data["years"]] == ["2010", "2016"]
    assert [change["label"] for change in data["changes"]] == ["2010 to 2016"]
    assert (data["changes"][0]["before"], data["changes"][0]["after"]) == (0, 1)
    sites = json.loads((two_years[2] / "change.geojson").read_text())["features"]
    names = [c["name"] for c in data["classes"]]
    assert [names[i] for i in data["changes"][0]["sites"]["from"]] == [s["properties"]["from"] for s in sites]


def test_coordinates_come_back_to_a_tenth_of_a_metre(two_years, tmp_path):
    write_map(two_years, tmp_path / "map.html")
    steps = data_of(tmp_path / "map.html")["years"][0]["places"]["polygons"][0][0][0]
    points = np.cumsum(np.array(steps).reshape(-1, 2), axis=0) / 1e6
    first = json.loads((two_years[0] / "landuse.geojson").read_text())["features"][0]["geometry"]["coordinates"][0]
    assert points == pytest.approx(np.array(first)[:-1], abs=6e-7)


def test_page_names_no_other_server(two_years, tmp_path):
    write_map(two_years, tmp_path / "map.html")
    text = (tmp_path / "map.html").read_text("utf8")
    ours = re.sub(r"<script>/\* @preserve.*?</script>|/\*.*?\*/", "", text, flags=re.S)
    assert len(ours) < len(text)
    assert re.findall(r"\w*http\w*", ours) == ["http"]  # of http-equiv
    assert not re.findall(r"url\((?!data:|#)", ours)


def test_legend_shows_only_classes_that_occur_with_area_and_share(maker, tmp_path):
    codes = np.array([[1, 1, 3], [3, 3, 3]], np.uint8)
    write_map([maker.classify("landuse_2010", codes)], tmp_path / "map.html")
    assert [c["name"] for c in data_of(tmp_path / "map.html")["classes"]] == ["Developed", "Forest"]
    text = (tmp_path / "map.html").read_text("utf8")
    assert "Wetlands" not in text
    assert re.search(r"10\.0<small>33 %", text)
    assert re.search(r"20\.1<small>67 %", text)


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
    assert "Land use 2010</h1>" in (tmp_path / "year.html").read_text("utf8")
    assert data_of(tmp_path / "change.html")["years"] == []


def test_no_change_is_said_in_words(maker, tmp_path):
    codes = made_land((8, 8), blot=2)
    before, after = maker.classify("y2010", codes), maker.classify("y2016", codes)
    write_map([before, after, maker.diff("change", before, after)], tmp_path / "map.html")
    assert "No change is sure enough to be listed." in (tmp_path / "map.html").read_text("utf8")


def test_evidence_is_said_in_sentences(two_years, tmp_path):
    write_map(two_years, tmp_path / "map.html")
    text = (tmp_path / "map.html").read_text("utf8")
    assert re.search(r"The two maps name \d+ of 192 squares differently", text)
    assert "expected to be wrong" in text
    assert "Worth acting on." in text
    assert data_of(tmp_path / "map.html")["changes"][0]["tiers"] == ["likely", "possible", "doubtful", "unrated"]


@pytest.mark.parametrize("text", ["", "[]", '{"cells": 3}', '{"cells": {"compared": "many"}}'])
def test_a_summary_in_other_words_only_costs_its_sentences(two_years, tmp_path, text):
    (two_years[2] / "summary.json").write_text(text)
    write_map(two_years, tmp_path / "map.html")
    assert "The two maps name" not in (tmp_path / "map.html").read_text("utf8")
    assert data_of(tmp_path / "map.html")["changes"][0]["tiers"] == ["likely", "possible", "doubtful"]


def test_steps_of_a_longer_comparison_are_layers_too(two_years, maker, tmp_path):
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
    write_map([before, after, change], tmp_path / "map.html", title=f"Title {HOSTILE}")
    text = (tmp_path / "map.html").read_text("utf8")
    assert "<img" not in text
    assert "<svg onload" not in text
    assert text.count("</script>") == 4
    assert data_of(tmp_path / "map.html")["classes"][0]["name"] == HOSTILE


def test_script_json_cannot_end_its_script():
    text = script_json({"a": "</script><!--&\u2028\u2029"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": "</script><!--&\u2028\u2029"}


def test_imagery_of_the_survey_is_laid_under(maker, tmp_path):
    codes = made_land((6, 8), blot=2)
    folder = maker.classify("y2010", codes, survey=maker.survey("a.tif", codes))
    write_map([folder], tmp_path / "map.html")
    (picture,) = data_of(tmp_path / "map.html")["imagery"]
    assert picture["uri"].startswith("data:image/webp;base64,")
    assert (picture["label"], picture["year"]) == ("2010", 0)
    (south, west), (north, east) = picture["bounds"]
    data = json.loads((folder / "landuse.geojson").read_text())
    lon, lat = np.concatenate([np.array(f["geometry"]["coordinates"][0]) for f in data["features"]]).T
    assert (west, east) == pytest.approx((lon.min(), lon.max()), abs=3e-4)  # two pixels
    assert (south, north) == pytest.approx((lat.min(), lat.max()), abs=3e-4)


def test_a_map_without_its_imagery_is_whole_and_says_so(maker, tmp_path):
    codes = made_land((6, 8), blot=2)
    folder = maker.classify("y2010", codes, survey=maker.survey("a.tif", codes))
    (tmp_path / "a.tif").unlink()
    write_map([folder], tmp_path / "map.html")
    assert data_of(tmp_path / "map.html")["imagery"] == []
    assert "could not be read when the page was made" in (tmp_path / "map.html").read_text("utf8")


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
def test_damaged_polygons_are_one_clear_error(maker, tmp_path, text):
    folder = maker.classify("y2010", np.ones((2, 2), np.uint8))
    (folder / "landuse.geojson").write_text(text)
    with pytest.raises(ConfigError, match=r"landuse\.geojson is damaged"):
        write_map([folder], tmp_path / "map.html")


def test_odd_numbers_become_not_stated(maker, tmp_path):
    folder = maker.classify("y2010", np.ones((2, 2), np.uint8))
    data = json.loads((folder / "landuse.geojson").read_text())
    data["features"][0]["properties"] |= {"area_ha": "<b>much</b>", "confidence": True}
    (folder / "landuse.geojson").write_text(json.dumps(data))
    write_map([folder], tmp_path / "map.html")
    places = data_of(tmp_path / "map.html")["years"][0]["places"]
    assert (places["area"], places["confidence"]) == ([None], [None])


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


def test_command_writes_a_page_and_refuses_in_one_sentence(two_years, tmp_path, capsys):
    from landuse.cli.main import run

    out = tmp_path / "map.html"
    assert run(["map", *map(str, two_years), "--out", str(out), "--title", "Our county"]) == 0
    assert "<title>Our county</title>" in out.read_text("utf8")
    shutil.rmtree(two_years[1])
    assert run(["map", str(two_years[1]), "--out", str(out)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_ground_on_both_sides_of_180_degrees_lies_side_by_side():
    from landuse.outputs.page.across import side_by_side
    from landuse.outputs.page.folders import MapYear, Place, bounds_of
    from landuse.outputs.page.imagery import Picture
    from landuse.outputs.page.payload import PageData
    from landuse.outputs.record import RunRecord

    rings = [[[[west, 0.0], [west + 0.5, 0.0], [west, 0.5], [west, 0.0]]] for west in (179.5, -180.0)]
    places = tuple(Place({"class": "Water"}, {}, [ring]) for ring in rings)
    year = MapYear(Path(), "2020", RunRecord(command="classify"), {}, places, ())
    pictures = tuple(Picture("2020", 0, [[0.0, west], [0.5, west + 0.5]], "") for west in (179.5, -180.0))
    data = side_by_side(PageData((year,), (), pictures, ()))
    assert bounds_of(data.years[0].places) == [[0.0, 179.5], [0.5, 180.5]]
    assert [picture.bounds[0][1] for picture in data.pictures] == [179.5, 180.0]
    far = PageData((MapYear(Path(), "a", RunRecord(command="classify"), {}, places[1:], ()),), (), pictures, ())
    assert side_by_side(far) is far
