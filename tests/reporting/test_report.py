"""A report says what the files say, escapes what strangers wrote, fetches nothing, and does without maps and imagery."""

import csv
import re
import shutil
from html import unescape
from pathlib import Path

import geopandas
import pytest
import shapely

from landuse import reporting
from landuse.change.sites import TIERS
from landuse.errors import ConfigError, OutputExistsError, SourceNotFoundError, UsageError
from landuse.options.results import DesignOptions, DiffOptions, EstimateOptions, ReportOptions
from landuse.outputs.page.assets import page_words
from landuse.outputs.record import FileIdentity, RunRecord
from landuse.reporting.card import MapOrigin
from landuse.reporting.compared import read_compared
from landuse.reporting.page import MOST_TRANSITIONS, gather, report_html
from landuse.reporting.words import Speech
from landuse.stages.assess import design, estimate
from landuse.stages.diff import diff
from landuse.stages.pages import report
from tests.change.makers import classified, sharp
from tests.reporting.conftest import BIDI, HOSTILE, codes_of_blocks
from tests.stages.test_assess import fill


def rows_of(html, heading):
    """The cells of the table below a heading, as text."""
    table = re.search(rf"<h2>{heading}</h2>\s*<table.*?</table>", html, re.S)[0]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)[1:]
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows
    ]


@pytest.fixture(scope="module")
def sample(change, tmp_path_factory):
    """What people would have said of the change, had the map been right."""
    folder = tmp_path_factory.mktemp("assess")
    drawn = design(change, folder / "sample", DesignOptions(units=150, least=10, seed=1))
    estimate(fill(drawn, folder / "mine.csv"), folder / "areas", EstimateOptions(design=drawn.out))
    return folder / "areas"


def test_areas_and_transitions_are_those_of_the_table(change):
    html = report_html(gather(change))
    with (change / "transitions.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    for name, before, after, _ in rows_of(html, "Areas by class, in hectares"):
        own = sum(float(x["area_ha"]) for x in lines if x["from"] == name)
        later = sum(float(x["area_ha"]) for x in lines if x["to"] == name)
        assert float(before.replace(",", "")) == pytest.approx(own, abs=0.51)
        assert float(after.replace(",", "")) == pytest.approx(later, abs=0.51)
    told = rows_of(html, "What became what, in hectares")
    confirmed = {
        (x["from"], x["to"]): float(x["confirmed_ha"])
        for x in lines
        if int(x["confirmed_cells"]) and x["from"] != x["to"]
    }
    assert len(told) == min(len(confirmed), MOST_TRANSITIONS)
    for before, after, area in told:
        assert float(area.replace(",", "")) == pytest.approx(confirmed[before, after], abs=0.51)


def test_gains_and_losses_cancel_out(change):
    classes = read_compared(change).classes()
    assert sum(line.gained_ha for line in classes) == pytest.approx(sum(line.lost_ha for line in classes))
    assert sum(line.gained_ha for line in classes) == pytest.approx(
        read_compared(change).summary.area_ha.confirmed, abs=1e-2
    )


def test_hostile_names_are_text(hostile, tmp_path):
    wards = geopandas.GeoDataFrame(
        {"name": [HOSTILE]}, geometry=[shapely.box(*geopandas.read_file(hostile / "change.gpkg", layer="change").total_bounds)],
        crs=geopandas.read_file(hostile / "change.gpkg", layer="change").crs,
    )  # fmt: skip
    wards.to_file(tmp_path / "wards.gpkg")
    html = report_html(
        gather(hostile, ReportOptions(districts=tmp_path / "wards.gpkg")), ReportOptions(title="</title><script>")
    )
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "<b>2014" not in html
    assert rows_of(html, "By district")[0][0] == HOSTILE
    names = {row[0] for row in rows_of(html, "Areas by class, in hectares")}
    assert {HOSTILE, BIDI} <= names


def test_it_fetches_nothing_and_is_the_same_each_time(pictured):
    html = report_html(gather(pictured))
    assert html == report_html(gather(pictured))
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert "http" not in re.sub(r"http-equiv", "", html)
    assert str(pictured.parent) not in html


def test_sites_show_both_dates_with_their_outline(pictured):
    contents = gather(pictured)
    assert 0 < len(contents.sites) <= 10
    order = [(list(TIERS).index(site.tier), -site.area_ha) for site in contents.sites]
    assert order == sorted(order)
    assert all(site.picture is not None for site in contents.sites)
    html = report_html(contents)
    assert html.count("<polygon") >= len(contents.sites)
    assert "without pictures" not in html


def test_without_imagery_the_sites_are_listed_and_it_is_said(change):
    html = report_html(gather(change))
    assert "<polygon" not in html
    assert "listed without pictures" in html
    assert "°\u00a0N" in html


def test_maps_that_are_gone_leave_a_report_of_the_change_alone(change, tmp_path):
    with_maps = report_html(gather(change))
    assert with_maps.count('alt="Land use') == 2
    moved = tmp_path / "elsewhere"
    shutil.copytree(change, moved / "change")
    record = (moved / "change" / "run.json").read_text().replace(str(change.parent), "/nowhere")
    (moved / "change" / "run.json").write_text(record)
    html = report_html(gather(moved / "change"))
    assert 'alt="Land use' not in html
    assert "not where they were" in html
    assert rows_of(html, "Areas by class, in hectares") == rows_of(with_maps, "Areas by class, in hectares")


def test_a_labelled_sample_gives_intervals_and_accuracy(change, sample):
    html = report_html(gather(change, ReportOptions(assess=sample)))
    told = rows_of(html, "What became what, in hectares")
    assert any(re.fullmatch(r"[\d.,]+ \([\d.,]+ to [\d.,]+\)", row[3]) for row in told)
    assert "the change map is right on 100 %" in html
    assert "without an interval" not in html
    assert "without an interval" in report_html(gather(change))


def test_in_spanish_words_and_numbers_are_spanish_and_figures_the_same(change, sample):
    contents = gather(change, ReportOptions(assess=sample))
    english, spanish = (report_html(contents, ReportOptions(language=language)) for language in ("en", "es"))
    assert '<html lang="es">' in spanish
    own = unescape(re.sub(r'<(\w+) lang="en">.*?</\1>', "", spanish, flags=re.S))
    for key, text in page_words()["en"].items():
        if key.startswith("report_") and isinstance(text, str) and len(text) > 12 and "{" not in text:
            assert text not in own, key
    told = rows_of(spanish, "Superficie por clase, en hectáreas")
    as_english = [[cell.replace(".", "").replace(",", ".") for cell in row[1:3]] for row in told]
    rows = rows_of(english, "Areas by class, in hectares")
    assert as_english == [[cell.replace(",", "") for cell in row[1:3]] for row in rows]
    assert re.search(r"\d,\d (?:ha|%)|\d{4} ha", own)


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [("en", 1234.5, "1,234.5"), ("es", 1234.5, "1234,5"), ("es", 12345.6, "12.345,6"), ("en", 12345.6, "12,345.6")],
)
def test_numbers_are_written_as_the_language_does(language, number, said):
    assert Speech(language).number(number, 1) == said
    assert Speech(language).say("sites", n=2).startswith("2 ")


def test_one_name_more_is_one_other():
    assert Speech().listed(["a", "b", "c", "d"]) == "a, b, c and 1 other"
    assert Speech().listed(list("abcde")) == "a, b, c and 2 others"


def test_every_word_that_a_report_says_is_there():
    sources = [*Path(reporting.__file__).parent.glob("*.py"), *Path(reporting.__file__).parent.glob("assets/*.html")]
    used = {key for path in sources for key in re.findall(r"""["'](report_\w+)["']""", path.read_text("utf8"))}
    known = {key for key in page_words()["en"] if key.startswith("report_")}
    assert used == known


def test_a_sample_of_another_change_is_refused(pictured, hostile, sample, change):
    for other in (pictured, hostile):
        with pytest.raises(UsageError, match="other ground or other classes"):
            gather(other, ReportOptions(assess=sample))
    with pytest.raises(SourceNotFoundError, match="assess estimate"):
        gather(change, ReportOptions(assess=change))


def test_districts_measured_now_are_those_that_diff_wrote(change, tmp_path):
    sites = geopandas.read_file(change / "change.gpkg", layer="change")
    west, south, east, north = sites.total_bounds
    middle = west + 0.4 * (east - west)
    halves = [shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)]
    geopandas.GeoDataFrame({"ward": ["West", "East"]}, geometry=halves, crs=sites.crs).to_file(tmp_path / "w.gpkg")
    maps = [change.parent / name for name in ("land_2014", "land_2020")]
    diff(maps, tmp_path / "told", DiffOptions(districts=tmp_path / "w.gpkg", district_name="ward"))
    now = gather(change, ReportOptions(districts=tmp_path / "w.gpkg", district_name="ward")).districts
    told = gather(tmp_path / "told").districts
    assert [one.name for one in now] == [one.name for one in told] == ["East", "West"]
    for one, other in zip(now, told, strict=True):
        assert one.changed_ha == pytest.approx(other.changed_ha, abs=1e-2)
        assert one.share == pytest.approx(other.share, abs=1e-4)
    assert sum(one.changed_ha for one in now) == pytest.approx(sites["area_ha"].sum(), rel=1e-3)
    assert gather(change).districts == []


def test_no_change_is_said_in_words(tmp_path):
    before, _ = codes_of_blocks()
    maps = [classified(tmp_path / name, sharp(before)) for name in ("land_2014", "land_2020")]
    diff(maps, tmp_path / "change", DiffOptions())
    html = report_html(gather(tmp_path / "change"))
    assert "No change between 2014 and 2020 is sure enough to be listed" in html
    assert "<polygon" not in html
    assert "What became what" not in html


def test_what_is_there_already_stays(change, tmp_path):
    out = tmp_path / "report.html"
    report(change, out)
    report(change, out)  # one of ours is replaced
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(OutputExistsError):
        report(change, tmp_path / "mine.html")
    (tmp_path / "mine.pdf").write_text("mine")
    with pytest.raises(OutputExistsError):
        report(change, out, ReportOptions(pdf=tmp_path / "mine.pdf"))


@pytest.mark.parametrize("name", ["summary.json", "transitions.csv", "change.gpkg", "run.json"])
def test_a_damaged_folder_is_named(change, tmp_path, name):
    shutil.copytree(change, tmp_path / "change")
    (tmp_path / "change" / name).write_text("{}" if name == "summary.json" else "nonsense")
    with pytest.raises(ConfigError, match="damaged"):
        gather(tmp_path / "change")


def test_other_folders_are_refused_with_a_way_out(change, tmp_path):
    with pytest.raises(SourceNotFoundError, match="landuse classify"):
        gather(change.parent / "land_2014")
    several = tmp_path / "several"
    shutil.copytree(change, several)
    shutil.copytree(change, several / "1_Forest")
    (several / "change.tif").unlink()
    with pytest.raises(UsageError, match="1_Forest"):
        gather(several)


def test_the_same_hectares_have_the_same_digits_wherever_they_are_said(pictured):
    html = report_html(gather(pictured))
    said = re.search(r"([\d.,]+) ha in .*? confirmed as changed", html)[1]
    assert re.search(r"\.\d$", said)  # less than a hundred, so with a decimal
    assert f"({said} ha)" in html


def test_areas_of_interest_and_districts_are_no_imagery():
    options = {"aoi": "county/edge.gpkg:land", "districts": "wards.geojson", "model": "builtin"}
    read = ("a/east.tif", "b/west.tif", "county.landuse", "county/edge.gpkg", "wards.geojson")
    inputs = tuple(FileIdentity(path=path, size=1, modified="1") for path in read)
    origin = MapOrigin("map", RunRecord(command="classify", options=options, inputs=inputs))
    assert origin.imagery == ["east.tif", "west.tif"]
