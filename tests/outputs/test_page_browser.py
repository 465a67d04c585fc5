"""The page in a real browser, as a planner has it: from a file, without a network."""

import csv
import io
import json

import numpy as np
import pytest

from landuse.legend import LandClass, Legend
from landuse.options.results import PageOptions
from landuse.outputs.page import write_map
from tests.outputs.conftest import HOSTILE, IN_A_BROWSER, Maker, built_up, made_land

pytestmark = IN_A_BROWSER
TURNED = "\u202egnp.exe"
ARABIC = "\u0645\u0627\u0621 <b>"
DISTRICTS = (f"West {HOSTILE}", '=East "x" \u05de\u05d6\u05e8\u05d7')
SHOWN = "landuse.years.map((year) => landuse.map.hasLayer(year.land.layer))"


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """One page for the whole file: two years with imagery, what changed between them, and two districts."""
    maker = Maker(tmp_path_factory.mktemp("county"))
    codes = made_land((16, 20), blot=3)
    later = built_up(codes, sites=6)
    before = maker.classify("landuse_2010", codes, survey=maker.survey("a.tif", codes), districts=DISTRICTS)
    after = maker.classify("landuse_2016", later, survey=maker.survey("b.tif", later), districts=DISTRICTS)
    change = maker.diff("change", before, after)
    write_map([before, after, change], maker.root / "map.html", alike={change: {1: [3, 2], 2: [1]}})
    return maker.root / "map.html"


@pytest.fixture
def page(visit, county):
    """The county's page, which must not have done wrong by the end of a test."""
    yield visit.open(county)
    assert visit.wrong == []


def click_map(page, share_x=0.5, share_y=0.5):
    box = page.locator("#map").bounding_box()
    page.mouse.click(box["x"] + share_x * box["width"], box["y"] + share_y * box["height"])


def pixel_at(page, pane, latlng):
    """Red, green, blue and opacity that a pane's canvas has at a place."""
    return page.evaluate(
        """async ([pane, latlng]) => { await new Promise(requestAnimationFrame);
            const canvas = landuse.map.getPane(pane).querySelector("canvas");
            const [at, box] = [landuse.map.latLngToContainerPoint(latlng), canvas.getBoundingClientRect()];
            const map = landuse.map.getContainer().getBoundingClientRect();
            const scale = canvas.width / box.width;
            const [x, y] = [(at.x + map.x - box.x) * scale, (at.y + map.y - box.y) * scale];
            const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, -Math.floor(x), -Math.floor(y));
            return [...copy.getImageData(0, 0, 1, 1).data]; }""",
        [pane, latlng],
    )


def test_opens_quietly_and_fitted_to_the_data(page):
    inside = page.evaluate(
        """() => { const all = L.latLngBounds(landuse.data.bounds);
            return [landuse.map.getBounds().contains(all), landuse.map.getBoundsZoom(all) - landuse.map.getZoom()]; }"""
    )
    assert inside[0]
    assert inside[1] < 1
    assert page.title() == "Land use 2010 and 2016, and what changed"


def test_every_cell_has_the_colour_of_its_class_where_it_lies(page):
    page.evaluate("landuse.years[1].grid.ready")
    grid = page.evaluate("(({ rows, cols, layers }) => [rows, cols, [...layers[0].classes]])(landuse.years[1].grid)")
    colors = [kind["color"] for kind in page.evaluate("landuse.data.classes")]
    for cell in range(0, grid[0] * grid[1], 23):
        row, col = divmod(cell, grid[1])
        corner = page.evaluate(f"landuse.years[1].grid.corner({col} + 0.5, {row} + 0.5)")
        expected = colors[grid[2][cell] - 1]
        red, green, blue, opacity = pixel_at(page, "landuse", corner)
        assert (f"#{red:02X}{green:02X}{blue:02X}", opacity) == (expected.upper(), 255)
        assert page.evaluate("([p]) => landuse.years[1].grid.cellAt(p)", [corner]) == cell


def test_boxes_switch_changes_imagery_and_the_palette(page):
    assert page.evaluate(SHOWN) == [False, True]
    page.locator("#show-changes-0").uncheck()
    assert not page.evaluate("landuse.changes[0].on")
    assert page.evaluate("landuse.pictured") == 1
    page.locator("#imagery").uncheck()
    assert page.evaluate("landuse.map.getPane('imagery').childElementCount") == 0
    before = page.evaluate("getComputedStyle(document.querySelector('.legend .swatch')).backgroundColor")
    page.locator("#safe").check()
    assert page.evaluate("getComputedStyle(document.querySelector('.legend .swatch')).backgroundColor") != before


def test_imagery_follows_the_year(page):
    page.locator('input[name=year][value="0"]').check(force=True)
    assert page.evaluate("landuse.pictured") == 0
    page.wait_for_function("landuse.years[0].imagery.decoded.size > 0")
    middle = page.evaluate("landuse.map.getCenter()")
    page.wait_for_timeout(200)
    assert pixel_at(page, "imagery", middle)[3] == 255


def test_years_are_switched_by_keyboard(page):
    page.locator('input[name=year][value="1"]').focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(SHOWN) == [True, False]
    page.locator('input[name=year][value="null"]').check(force=True)
    assert page.evaluate(SHOWN) == [False, False]


def test_many_years_stand_on_one_line_and_have_a_slider(visit, maker, tmp_path):
    codes = made_land((16, 20), blot=3)
    years = [maker.classify(f"landuse_{year}", codes) for year in (2008, 2012, 2016, 2020)]
    write_map(years, tmp_path / "map.html")
    page = visit.open(tmp_path / "map.html")
    heights = page.locator(".legend thead th.number").evaluate_all("cells => cells.map((c) => c.clientHeight)")
    assert len(heights) == 4
    assert max(heights) < 30
    page.locator("#year-slider").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(SHOWN) == [False, False, True, False]
    assert page.locator('input[name=year][value="2"]').is_checked()
    page.locator('input[name=year][value="0"]').check(force=True)
    assert page.locator("#year-slider").input_value() == "0"
    assert visit.wrong == []


def test_popup_of_land_use_says_class_year_confidence_area_and_square(visit, maker, tmp_path):
    codes, sure = np.full((3, 3), 3, np.uint8), np.full((3, 3), 0.88, np.float32)
    write_map([maker.classify("landuse_2010", codes, confidence=sure)], tmp_path / "map.html")
    page = visit.open(tmp_path / "map.html")
    click_map(page)
    words = page.locator(".popup").inner_text().split("\n")
    assert words[1] == "Forest"
    said = dict(zip(words[2::2], words[3::2], strict=True))
    assert said == {"Year": "2010", "Confidence": "88 %", "Area": "45.1 ha", "Square": "r20801c1301"}
    assert visit.wrong == []


def test_a_site_says_all_of_its_change_and_its_link_leads_back(page):
    page.locator(".sites li button").nth(1).click()
    heading = page.locator(".popup h3").inner_text()
    listed = page.locator(".sites li button .words").nth(1).inner_text()
    assert heading.replace(" ", "") == listed.replace(" ", "")
    words = page.locator(".popup").inner_text()
    for word in ("Period", "2010 to 2016", "Area", "Probability of change", "Evidence", "District"):
        assert word in words
    assert page.locator(".popup figcaption").all_inner_texts() == ["2010", "2016"]
    page.wait_for_timeout(300)
    drawn = "[...document.querySelectorAll('.popup canvas')].map((c) => c.getContext('2d').getImageData(5, 5, 1, 1).data[3])"
    assert page.evaluate(drawn) == [255, 255]
    assert page.locator(".bars tbody tr").count() >= 2
    widths = page.locator(".bars .fill").evaluate_all("fills => fills.map((fill) => parseInt(fill.style.width))")
    assert 90 <= sum(widths[::2]) <= 102
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert page.locator(".popup h3").inner_text() == heading
    page.locator(".popup button", has_text="Show 2010").click()
    assert page.evaluate(SHOWN) == [True, False]


def test_a_site_names_those_that_changed_alike_and_leads_to_them(page):
    page.evaluate("landuse.goTo(landuse.changes[0], landuse.changes[0].sites[0])")
    named = page.locator(".alike button").all_inner_texts()
    assert [text.split()[0] for text in named] == ["3", "2"]
    page.locator(".alike button").first.click()
    assert page.locator(".popup h3").last.inner_text().startswith("3 ")
    assert page.locator(".popup").last.locator(".alike").count() == 0


def test_a_probability_is_never_said_to_be_all(page):
    said = page.evaluate("[1, 0.995, 0.5, 0.001, 0].map(percent)")
    assert said == ["over 99 %", "over 99 %", "50 %", "under 1 %", "under 1 %"]


def test_sites_are_filtered_walked_and_saved(page, tmp_path):
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
    page.locator('[data-filter="pair"]').select_option("")
    page.locator('[data-filter="sure"]').fill("90")
    assert 0 < page.locator(".sites li").count() < everything
    page.locator('[data-filter="district"]').select_option("1")
    lines = page.locator(".sites li .words").all_inner_texts()
    with page.expect_download() as download:
        page.locator('[data-export="csv"]').click()
    download.value.save_as(tmp_path / "sites.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "sites.csv").read_text("utf8"))))
    assert list(rows[0]) == ["site", "period", "from", "to", "area_ha", "probability", "tier", "lon", "lat", "district"]
    assert len(rows) == len(lines)
    assert {row["district"] for row in rows} == {"'" + DISTRICTS[1]} or {row["district"] for row in rows} == {
        DISTRICTS[0]
    }
    with page.expect_download() as download:
        page.locator('[data-export="geojson"]').click()
    download.value.save_as(tmp_path / "sites.geojson")
    assert len(json.loads((tmp_path / "sites.geojson").read_text("utf8"))["features"]) == len(lines)
    page.locator('[data-filter="area"]').fill("100000")
    assert page.locator(".sites li").count() == 0
    assert page.locator(".filters output").inner_text().startswith("0 sites")


def test_two_years_meet_at_a_handle(page):
    page.locator("#swipe").check()
    assert page.locator('input[name=year][value="0"]').is_checked()
    clips = "['landuse', 'landuse-right'].map((pane) => landuse.map.getPane(pane).style.clip)"
    left, right = page.evaluate(clips)
    assert left.startswith("rect(")
    assert left.split(",")[1] == right.split(",")[3].replace(")", "")
    page.locator("input.swipe").focus()
    page.keyboard.press("End")
    assert page.evaluate(clips)[0] != left
    page.locator(".sites li button").first.click()  # what stands in a popup is read through the handle and the scale
    for over in (".swipe", ".swipe-line", ".leaflet-control-scale"):
        assert page.evaluate("(one) => getComputedStyle(document.querySelector(one)).opacity", over) == "0.15"
    page.locator("#swipe").uncheck()
    assert page.evaluate(clips) == ["", ""]


def test_the_map_stops_at_the_imagerys_own_pixels_and_finds_its_way_home(page):
    start = page.evaluate("landuse.map.getZoom()")
    page.evaluate("landuse.map.setZoom(40, { animate: false })")
    assert start <= page.evaluate("landuse.map.getZoom()") < 16  # 14 m a pixel
    page.locator(".home").click()
    assert page.evaluate("landuse.map.getZoom()") == start


def test_a_click_draws_no_crosshair_and_a_key_does(page):
    page.locator("#map").focus()
    page.keyboard.press("ArrowLeft")
    cross = "getComputedStyle(document.querySelector('#map'), '::after').content"
    assert page.evaluate(cross) != "none"
    click_map(page, 0.05, 0.9)
    assert page.evaluate(cross) == "none"
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(cross) == "none" or page.locator(".popup").count() == 0


def test_paper_holds_the_whole_map_its_date_and_the_legends_colours(page):
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    box = page.locator("#map").bounding_box()
    assert box["width"] <= 703.5
    assert box["height"] <= 703.5
    assert page.evaluate("getComputedStyle(document.body).printColorAdjust") == "exact"
    assert (
        page.locator(".sankey").first.bounding_box()["width"] <= 341
    )  # 90 mm: the list of sites fits on the same sheet
    assert page.locator(".made").is_visible()
    assert page.locator(".north").is_visible()
    assert not page.locator(".options").is_visible()


def test_enter_reads_the_centre_of_the_map(page):
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    assert page.locator(".popup h3").count() == 1
    page.keyboard.press("Escape")


def test_a_class_can_be_hidden_and_changes_follow(page):
    outlined = """async () => { await new Promise(requestAnimationFrame);
        const { shown, outlines: { _container: canvas } } = landuse.changes[0];
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        return [shown.length, data.filter((value, i) => i % 4 === 3 && value).length]; }"""
    everything = page.evaluate(outlined)
    assert everything[1] > 100 * everything[0]
    for box in page.locator("input[data-class]").all():
        box.uncheck()
    click_map(page)
    assert page.locator(".popup").count() == 0
    assert page.evaluate(outlined) == [0, 0]
    page.locator(".sites li button").first.click()
    assert page.locator("input[data-class]:checked").count() == 1
    assert page.locator(".popup").count() == 1
    assert 0 < page.evaluate(outlined)[0] <= everything[0]
    for box in page.locator("input[data-class]").all():
        box.check()
    page.locator(".home").click()
    assert page.evaluate(outlined) == everything


def test_the_legend_counts_the_whole_the_view_or_a_district(page):
    areas = (
        "[...document.querySelectorAll('.legend tfoot td')].map((cell) => parseFloat(cell.innerText.replace(',', '')))"
    )
    whole = page.evaluate(areas)[1]
    page.locator("#scope").select_option("view")
    assert page.evaluate(areas)[1] == pytest.approx(whole, rel=0.002)
    page.evaluate("landuse.map.panBy([400, 0], { animate: false })")
    page.wait_for_function(f"{areas}[1] < {0.95 * whole}")
    assert page.evaluate(areas)[1] > 0
    page.locator("#scope").select_option("0")
    assert page.evaluate(areas)[1] == pytest.approx(whole / 2, rel=0.02)
    assert page.evaluate("landuse.districts.on")


def test_search_finds_chips_coordinates_and_districts(page):
    search, found = page.locator("#search"), page.locator(".search output")
    page.locator("#show-changes-0").uncheck()
    search.fill("R20805C1310")
    search.press("Enter")
    assert "r20805c1310" in page.locator(".popup").inner_text()
    middle = page.evaluate("landuse.years[0].grid.corner(3.5, 4.5)")
    search.fill(f"{middle['lat']:.6f}, {middle['lng']:.6f}")
    search.press("Enter")
    assert "r20811c1303" in page.locator(".popup").last.inner_text()
    search.fill(DISTRICTS[0].upper())
    search.press("Enter")
    assert page.locator("#scope").input_value() == "1"
    search.fill("Atlantis")
    search.press("Enter")
    assert found.inner_text().startswith("There is no such")


def test_transitions_are_bands_and_a_table_of_the_same_hectares(page):
    area = page.evaluate("flowsOf(landuse.changes[0].sites).reduce((sum, flow) => sum + flow.area, 0)")
    assert area == pytest.approx(page.evaluate("landuse.changes[0].sites.reduce((sum, site) => sum + site.area, 0)"))
    assert page.locator(".sankey path").count() == page.locator(".transitions tbody tr").count()


def test_spanish_says_everything_in_words_and_numbers_of_its_own(page):
    page.locator("#language").select_option("es")
    assert page.title() == "Uso del suelo 2010 y 2016, y qué ha cambiado"
    assert page.evaluate("document.documentElement.lang") == "es"
    page.locator(".sites li button").first.click()
    assert "Probabilidad de cambio" in page.locator(".popup").inner_text()
    assert "ha" in page.locator(".sites li .number").first.inner_text()
    assert "," in page.locator(".sites li .number").first.inner_text()
    page.locator("#swipe").check()
    assert page.locator("input.swipe").get_attribute("aria-label") == "Donde se juntan los dos años"
    page.locator("#swipe").uncheck()
    panel = page.locator("#panel").inner_text()
    for english in ("Legend", "hectares", "squares", "Find", "Save", "likely"):
        assert english not in panel
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert page.locator("#language").input_value() == "es"
    page.locator("#language").select_option("en")
    assert page.title().startswith("Land use 2010 and 2016")


def test_nothing_is_asked_of_the_online_map_before_it_is_turned_on(visit, county):
    page = visit.open(county)
    page.evaluate("landuse.map.setZoom(11, { animate: false })")
    page.wait_for_timeout(200)
    assert visit.wrong == []
    page.locator("#basemap").check()
    page.wait_for_timeout(200)
    assert page.locator(".credit").inner_text() == "© OpenStreetMap contributors"
    asked = [line for line in visit.wrong if line.startswith("request")]
    assert asked
    assert all(line.startswith("request: https://tile.openstreetmap.org/11/") for line in asked)
    page.locator("#basemap").uncheck()
    assert page.locator(".credit").count() == 0


def test_of_several_classes_a_square_one_is_shown_and_all_are_said(visit, maker, tmp_path):
    folder = maker.classify("2020", np.ones((4, 4), np.uint8), confidence=np.full((4, 4), 0.9, np.float32))
    record = folder / "run.json"
    said = json.loads(record.read_text())
    names = [kind["name"] for kind in said["legend"]["classes"]]
    said["details"]["thresholds"] = dict.fromkeys(names, 0.5) | {names[3]: 0.01}
    record.write_text(json.dumps(said))
    write_map([folder], tmp_path / "map.html")
    page = visit.open(tmp_path / "map.html")
    assert page.locator("input[data-class]:checked").count() == 1
    page.locator("input[data-class]").nth(1).check()
    assert page.locator("input[data-class]:checked").count() == 1
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    assert page.locator(".popup h3").inner_text() == names[3]
    assert f"{names[0]} (90 %)" in page.locator(".popup").inner_text()
    assert visit.wrong == []


def test_on_a_phone_the_panel_lies_below_and_nothing_sticks_out(visit, county):
    visit.page.set_viewport_size({"width": 390, "height": 844})
    page = visit.open(county)
    assert page.locator("#map").bounding_box()["y"] == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visit.wrong == []


@pytest.mark.parametrize(("width", "code"), [(390, "en"), (1200, "es")])
def test_axe_finds_nothing(visit, county, width, code):
    from axe_playwright_python.sync_playwright import Axe

    visit.page.set_viewport_size({"width": width, "height": 844})
    page = visit.open(county)
    page.locator("#language").select_option(code)
    page.locator(".sites li button").first.click()
    # axe's own script is run in the page by the browser, past the page's policy
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_hostile_names_run_nothing(visit, maker, tmp_path):
    """As a class, a folder and a title; first as the page is, then without its content security policy."""
    legend = Legend(
        name="x",
        classes=(LandClass(code=1, name=HOSTILE, color="#112233"), LandClass(code=2, name=ARABIC, color="#445566")),
    )
    halves = (f'"{HOSTILE}', TURNED)
    before = maker.classify(
        "<img src=x onerror=alert(2)> 2010", np.array([[1, 1], [2, 1]], np.uint8), legend, districts=halves
    )
    after = maker.classify(f"'{TURNED} 2016", np.array([[1, 1], [2, 2]], np.uint8), legend)
    change = maker.diff("<img src=x onerror=alert(4)>", before, after, legend)
    write_map([before, after, change], tmp_path / "map.html", PageOptions(title=HOSTILE))
    bare = tmp_path / "bare.html"
    bare.write_text((tmp_path / "map.html").read_text("utf8").replace("Content-Security-Policy", "x-none"), "utf8")
    for path in (tmp_path / "map.html", bare):
        page = visit.open(path)
        assert page.title() == HOSTILE
        assert HOSTILE in page.locator(".legend").inner_text()
        assert "\u202e" not in page.locator("#panel").inner_text()
        page.locator(".sites li button").first.click()
        assert HOSTILE in page.locator(".popup").inner_text()
        assert HOSTILE in page.locator(".site-label").first.inner_text()
        assert halves[0] in page.locator(".districts").inner_text()
        page.locator(".districts button").first.click()
        page.evaluate("landuse.map.closePopup()")
        click_map(page, 0.5, 0.4)
        page.wait_for_timeout(100)
        assert page.locator("img").count() == 0
    assert visit.wrong == []


def test_a_name_written_from_the_right_leaves_what_stands_beside_it_in_place(visit, maker, tmp_path):
    legend = Legend(
        name="x",
        classes=(LandClass(code=1, name=ARABIC, color="#112233"), LandClass(code=2, name="B", color="#445566")),
    )
    before = maker.classify("a 2010", np.array([[1, 1]], np.uint8), legend)
    after = maker.classify("b 2016", np.array([[1, 2]], np.uint8), legend)
    write_map([before, after, maker.diff("c", before, after, legend)], tmp_path / "map.html")
    page = visit.open(tmp_path / "map.html")
    words = page.locator(".sites li .words").first.inner_text()
    assert words == f"1 \u2068{ARABIC}\u2069 → B"
    assert page.locator(".legend bdi", has_text=ARABIC).count() == 1
    assert visit.wrong == []


def test_script_that_slips_in_is_stopped_by_the_policy(visit, county, tmp_path):
    text = county.read_text("utf8").replace("</body>", "<script>document.title = 'run'</script></body>")
    (tmp_path / "map.html").write_text(text, "utf8")
    page = visit.open(tmp_path / "map.html")
    assert page.title() != "run"
    assert any("Content Security Policy" in line for line in visit.wrong)
