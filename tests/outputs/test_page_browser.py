"""The page in a real browser, as a planner has it: from a file, without a network."""

import json
import shutil

import numpy as np
import pytest

from landuse.legend import LandClass, Legend
from landuse.outputs.page import write_map
from tests.outputs.conftest import built_up, made_land

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "</script><img src=x onerror=alert(1)>"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome is installed to open the page with"),
]


class Visit:
    """An open page and everything it did that it should not have done."""

    def __init__(self, page):
        self.page, self.wrong = page, []
        page.on("console", lambda message: self.wrong.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._request)

    def _request(self, request):
        if not request.url.startswith(("file:", "data:")):
            self.wrong.append(f"request: {request.url}")

    def open(self, path):
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(".leaflet-control-layers")
        return self.page


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 800}, offline=True)
    yield Visit(context.new_page())
    context.close()


@pytest.fixture
def county(maker, tmp_path):
    codes = made_land((16, 20), blot=3)
    later = built_up(codes, sites=6)
    before = maker.classify("landuse_2010", codes, survey=maker.survey("a.tif", codes))
    after = maker.classify("landuse_2016", later, survey=maker.survey("b.tif", later))
    write_map([before, after, maker.diff("change", before, after)], tmp_path / "map.html")
    return tmp_path / "map.html"


def click_map(page, share_x=0.5, share_y=0.5):
    box = page.locator(".folium-map").bounding_box()
    page.mouse.click(box["x"] + share_x * box["width"], box["y"] + share_y * box["height"])


def test_opens_quietly_and_fitted_to_the_data(visit, county):
    page = visit.open(county)
    inside = page.evaluate(
        """() => { const shown = map_landuse.getBounds(); const all = L.latLngBounds([]);
            map_landuse.eachLayer((l) => { if (l.getLatLngs) all.extend(l.getBounds()); });
            return [shown.contains(all), map_landuse.getBoundsZoom(all) - map_landuse.getZoom()]; }"""
    )
    assert inside[0]
    assert inside[1] < 1
    assert visit.wrong == []


def test_layer_control_switches_years_change_and_imagery(visit, county):
    page = visit.open(county)
    page.locator(".leaflet-control-layers").hover()
    names = page.locator(".leaflet-control-layers label").all_inner_texts()
    assert [name.strip() for name in names] == [
        "Land use 2010", "Land use 2016", "No land use", "Change 2010 to 2016", "Imagery 2010", "Imagery 2016",
    ]  # fmt: skip
    assert page.evaluate("map_landuse.hasLayer(feature_group_year_1) && !map_landuse.hasLayer(feature_group_year_0)")
    page.locator(".leaflet-control-layers label", has_text="Land use 2010").click()
    assert page.evaluate("map_landuse.hasLayer(feature_group_year_0) && !map_landuse.hasLayer(feature_group_year_1)")
    assert page.locator('input[name=year][value="0"]').is_checked()
    assert page.evaluate(
        "map_landuse.hasLayer(feature_group_imagery_0) && !map_landuse.hasLayer(feature_group_imagery_1)"
    )
    page.locator(".leaflet-control-layers label", has_text="Change 2010").click()
    assert not page.evaluate("map_landuse.hasLayer(feature_group_change_0)")
    assert not page.locator("#show-changes").is_checked()
    assert visit.wrong == []


def test_on_a_phone_the_layer_control_is_a_button(visit, county):
    visit.page.set_viewport_size({"width": 390, "height": 844})
    page = visit.open(county)
    choice = page.locator(".leaflet-control-layers label", has_text="Land use 2010")
    assert not choice.is_visible()
    page.locator(".leaflet-control-layers").hover()
    choice.hover()
    page.wait_for_timeout(100)  # Leaflet passes over the click that opens the control
    choice.click()
    assert page.evaluate("map_landuse.hasLayer(feature_group_year_0) && !map_landuse.hasLayer(feature_group_year_1)")
    assert visit.wrong == []


def test_years_stand_on_one_line_however_many_there_are(visit, maker, tmp_path):
    codes = made_land((16, 20), blot=3)
    years = [maker.classify(f"landuse_{year}", codes) for year in (2008, 2012, 2016, 2020)]
    write_map(years, tmp_path / "map.html")
    page = visit.open(tmp_path / "map.html")
    heights = page.locator(".legend thead th.number").evaluate_all("cells => cells.map((c) => c.clientHeight)")
    assert len(heights) == 4
    assert max(heights) < 30


def test_panel_switches_the_year_by_keyboard(visit, county):
    page = visit.open(county)
    page.locator('input[name=year][value="1"]').focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("map_landuse.hasLayer(feature_group_year_0)")
    page.locator('input[name=year][value="null"]').check(force=True)
    assert page.evaluate("map_landuse.hasLayer(feature_group_none)")
    assert visit.wrong == []


def test_popup_of_land_use_says_class_year_confidence_and_area(visit, maker, tmp_path):
    codes, sure = np.full((3, 3), 3, np.uint8), np.full((3, 3), 0.87, np.float32)
    write_map([maker.classify("landuse_2010", codes, confidence=sure)], tmp_path / "map.html")
    page = visit.open(tmp_path / "map.html")
    click_map(page)
    words = page.locator(".leaflet-popup-content").inner_text().split("\n")
    assert words[0] == "Forest"
    said = dict(zip(words[1::2], words[2::2], strict=True))
    assert said == {"Year": "2010", "Confidence": "87 %", "Area": "45.2 ha"}
    assert visit.wrong == []


def test_popup_of_a_change_says_from_to_area_probability_and_tier(visit, county):
    page = visit.open(county)
    page.locator(".sites li button").first.click()
    words = page.locator(".leaflet-popup-content").inner_text()
    first = page.locator(".sites li button .words").first.inner_text()
    assert words.split("\n")[0].replace(" ", "") == first.replace(" ", "")
    assert first.split()[0].isdigit()
    for word in ("Period", "2010 to 2016", "Area", "Probability", "Evidence"):
        assert word in words
    page.locator(".leaflet-popup-content button", has_text="Show 2010").click()
    assert page.evaluate("map_landuse.hasLayer(feature_group_year_0)")
    assert visit.wrong == []


def test_a_site_shows_both_dates_side_by_side_and_its_link_leads_back(visit, county):
    page = visit.open(county)
    page.locator(".sites li button").nth(1).click()
    heading = page.locator(".popup h3").inner_text()
    assert page.locator(".popup figcaption").all_inner_texts() == ["2010", "2016"]
    assert page.evaluate("[...document.querySelectorAll('.popup img')].every((image) => image.naturalWidth > 50)")
    assert page.locator(".popup svg polygon").count() >= 4
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert page.locator(".popup h3").inner_text() == heading
    assert visit.wrong == []


def test_sites_are_filtered_walked_and_saved(visit, county, tmp_path):
    page = visit.open(county)
    everything = page.locator(".sites li").count()
    kind = page.locator('[data-filter="pair"] option').nth(1).inner_text()
    page.locator('[data-filter="pair"]').select_option(kind)
    lines = page.locator(".sites li .words").all_inner_texts()
    assert 0 < len(lines) < everything
    assert all(line.split(" ", 1)[1] == kind for line in lines)
    page.locator('[data-walk="1"]').click()
    assert page.locator(".popup h3").last.inner_text().split()[0] == lines[0].split()[0]
    page.locator('[data-walk="-1"]').click()
    assert page.locator(".popup h3").last.inner_text().split()[0] == lines[-1].split()[0]
    with page.expect_download() as download:
        page.locator('[data-export="csv"]').click()
    download.value.save_as(tmp_path / "sites.csv")
    rows = (tmp_path / "sites.csv").read_text("utf8").splitlines()
    assert rows[0] == "site,period,from,to,area_ha,probability,tier,lon,lat"
    assert len(rows) == len(lines) + 1
    with page.expect_download() as download:
        page.locator('[data-export="geojson"]').click()
    download.value.save_as(tmp_path / "sites.geojson")
    assert len(json.loads((tmp_path / "sites.geojson").read_text("utf8"))["features"]) == len(lines)
    page.locator('[data-filter="area"]').fill("100000")
    assert page.locator(".sites li").count() == 0
    assert page.locator(".filters output").inner_text().startswith("0 sites")
    assert visit.wrong == []


def test_two_years_meet_at_a_handle(visit, county):
    page = visit.open(county)
    page.locator("#swipe").check()
    assert page.locator('input[name=year][value="0"]').is_checked()
    clips = "['landuse', 'landuse-right'].map((pane) => map_landuse.getPane(pane).style.clip)"
    left, right = page.evaluate(clips)
    assert left.startswith("rect(")
    assert left.split(",")[1] == right.split(",")[3].replace(")", "")
    page.locator("input.swipe").focus()
    page.keyboard.press("End")
    assert page.evaluate(clips)[0] != left
    page.locator("#swipe").uncheck()
    assert page.evaluate(clips) == ["", ""]
    assert visit.wrong == []


def test_the_map_stops_at_the_imagerys_own_pixels_and_finds_its_way_home(visit, county):
    page = visit.open(county)
    start = page.evaluate("map_landuse.getZoom()")
    page.evaluate("map_landuse.setZoom(40, { animate: false })")
    assert start <= page.evaluate("map_landuse.getZoom()") < 16  # 14 m a pixel
    page.locator(".home").click()
    assert page.evaluate("map_landuse.getZoom()") == start
    assert visit.wrong == []


def test_a_click_draws_no_crosshair_and_a_key_does(visit, county):
    page = visit.open(county)
    click_map(page, 0.05, 0.9)
    cross = "getComputedStyle(document.querySelector('.folium-map'), '::after').content"
    assert page.evaluate(cross) == "none"
    page.evaluate("map_landuse.closePopup()")
    page.locator(".folium-map").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(cross) != "none"


def test_paper_holds_the_whole_map_and_the_legends_colours(visit, county):
    page = visit.open(county)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    box = page.locator(".folium-map").bounding_box()
    assert box["width"] <= 703.5
    assert box["height"] <= 703.5
    assert page.evaluate("getComputedStyle(document.body).printColorAdjust") == "exact"
    assert not page.locator(".leaflet-control-layers").is_visible()
    assert visit.wrong == []


def test_enter_reads_the_centre_of_the_map(visit, county):
    page = visit.open(county)
    page.locator(".folium-map").focus()
    page.keyboard.press("Enter")
    assert page.locator(".leaflet-popup-content h3").count() == 1
    assert visit.wrong == []


def test_a_class_can_be_hidden_and_changes_follow(visit, county):
    page = visit.open(county)
    outlined = """() => { let sites = 0; feature_group_change_0.eachLayer((layer) => {
        if (layer.getLatLngs && layer.options.color !== "#ffffff") sites += layer.getLatLngs().length; });
        return sites; }"""
    everything = page.evaluate(outlined)
    for box in page.locator("input[data-class]").all():
        box.uncheck()
    click_map(page)
    assert page.locator(".leaflet-popup-content").count() == 0
    assert page.evaluate(outlined) == 0
    page.locator(".sites li button").first.click()
    assert page.locator("input[data-class]:checked").count() == 1
    assert page.locator(".leaflet-popup-content").count() == 1
    assert 0 < page.evaluate(outlined) <= everything
    for box in page.locator("input[data-class]").all():
        box.check()
    assert page.evaluate(outlined) == everything
    assert visit.wrong == []


def test_of_several_classes_a_square_one_is_shown_and_all_are_said(visit, maker, tmp_path):
    folder = maker.classify("2020", np.ones((4, 4), np.uint8), confidence=np.full((4, 4), 0.9, np.float32))
    record, places = folder / "run.json", folder / "landuse.geojson"
    said = json.loads(record.read_text())
    names = [kind["name"] for kind in said["legend"]["classes"]]
    said["details"]["thresholds"] = dict.fromkeys(names, 0.5)
    record.write_text(json.dumps(said))
    text = places.read_text()
    line = next(line for line in text.splitlines() if '"Feature"' in line)
    places.write_text(text.replace(line, f"{line},\n{line.replace(names[0], names[3])}"))
    write_map([folder], tmp_path / "map.html")
    page = visit.open(tmp_path / "map.html")
    assert page.locator("input[data-class]:checked").count() == 1
    page.locator("input[data-class]").nth(1).check()
    assert page.locator("input[data-class]:checked").count() == 1
    page.locator(".folium-map").focus()
    page.keyboard.press("Enter")
    assert page.locator(".popup h3").inner_text() == names[3]
    assert f"{names[0]} (90 %)" in page.locator(".popup").inner_text()
    assert visit.wrong == []


def test_hostile_names_run_nothing(visit, maker, tmp_path):
    """As a class, a folder and a title; first as the page is, then without its content security policy."""
    legend = Legend(
        name="x",
        classes=(LandClass(code=1, name=HOSTILE, color="#112233"), LandClass(code=2, name="B", color="#445566")),
    )
    before = maker.classify("<img src=x onerror=alert(2)> 2010", np.array([[1, 1], [2, 1]], np.uint8), legend)
    after = maker.classify("<img src=x onerror=alert(3)> 2016", np.array([[1, 1], [2, 2]], np.uint8), legend)
    change = maker.diff("<img src=x onerror=alert(4)>", before, after, legend)
    write_map([before, after, change], tmp_path / "map.html", title=HOSTILE)
    bare = tmp_path / "bare.html"
    bare.write_text((tmp_path / "map.html").read_text("utf8").replace("Content-Security-Policy", "x-none"), "utf8")
    for path in (tmp_path / "map.html", bare):
        page = visit.open(path)
        assert page.title() == HOSTILE
        assert HOSTILE in page.locator(".legend").inner_text()
        page.locator(".sites li button").first.click()
        assert HOSTILE in page.locator(".leaflet-popup-content").inner_text()
        assert HOSTILE in page.locator(".site-label").first.inner_text()
        page.evaluate("map_landuse.closePopup()")
        page.locator(".leaflet-control-layers").hover()
        page.locator(".leaflet-control-layers label").first.click()
        click_map(page, 0.5, 0.4)
        page.wait_for_timeout(100)
        assert page.locator("img").count() == 0
    assert visit.wrong == []


def test_script_that_slips_in_is_stopped_by_the_policy(visit, county):
    text = county.read_text("utf8").replace("</body>", "<script>document.title = 'run'</script></body>")
    county.write_text(text, "utf8")
    page = visit.open(county)
    assert page.title() != "run"
    assert any("Content Security Policy" in line for line in visit.wrong)
