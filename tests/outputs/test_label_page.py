"""The labelling page in a real browser, from a file and without a network."""

import csv
import io

import numpy as np
import pytest

from landuse.outputs.label_page import LabelPage, Place, Question, write_label_page
from landuse.outputs.views import data_address
from tests.outputs.conftest import HOSTILE, IN_A_BROWSER

pytestmark = IN_A_BROWSER
CLASSES = ("Water", HOSTILE, '=cmd|"x"')


@pytest.fixture
def page(visit, tmp_path):
    grey = data_address(np.full((64, 64, 3), 120, np.uint8))
    looks = {"2014": (grey, grey), "2020": ("", "")}
    places = tuple(Place(f"s{i}", {"chip_id": f"r{i}c1", "stratum": "1"}, -5.0 - i, 50.0, looks) for i in range(3))
    questions = (Question("before", "In 2014?", CLASSES), Question("after", "In 2020?", CLASSES))
    write_label_page(tmp_path / "label.html", LabelPage("What was here?", "k", "sample_id", questions, places))
    yield visit.open(tmp_path / "label.html")
    assert visit.wrong == []


def progress(page):
    return page.text_content("#progress")


def exported(page, tmp_path):
    with page.expect_download() as download:
        page.click("#export")
    download.value.save_as(tmp_path / "sample.csv")
    return tmp_path / "sample.csv"


def test_answers_by_key_and_click_walk_on_and_can_be_taken_back(page):
    assert progress(page) == "Place 1 of 3; 0 answered"
    page.keyboard.press("1")
    page.click("fieldset:nth-of-type(2) button:nth-of-type(2)")
    assert progress(page) == "Place 2 of 3; 1 answered"
    page.keyboard.press("u")
    page.keyboard.press("z")
    page.keyboard.press("z")
    assert progress(page) == "Place 1 of 3; 0 answered"


@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_nothing(page, width):
    """The page of `assess` and of `audit`, which differ in their questions alone."""
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": width, "height": 844})
    page.keyboard.press("1")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_a_date_whose_imagery_is_gone_is_said(page):
    assert page.locator(".missing").count() == 1
    assert page.locator("figure img").count() == 2


def test_answers_survive_the_page_and_go_out_and_in_as_a_table(page, tmp_path):
    page.keyboard.press("1")
    page.keyboard.press("3")
    page.keyboard.press("u")
    page.reload()
    assert progress(page) == "Place 2 of 3; 1 answered"
    path = exported(page, tmp_path)
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf8"))))
    assert list(rows[0]) == ["sample_id", "lon", "lat", "chip_id", "stratum", "before", "after"]
    assert float(rows[0]["lon"]) < 0  # a number stays one, west of Greenwich too
    assert (rows[0]["before"], rows[0]["after"]) == ("Water", "'" + CLASSES[2])  # no spreadsheet takes it for a formula
    assert (rows[1]["before"], rows[1]["after"]) == ("unsure", "")
    page.evaluate("localStorage.clear()")
    page.reload()
    assert progress(page) == "Place 1 of 3; 0 answered"
    page.set_input_files("#import", path)
    page.wait_for_function("document.getElementById('progress').textContent.includes('1 answered')")
    page.click("#back")
    assert page.get_attribute("fieldset:nth-of-type(2) button:nth-of-type(3)", "aria-pressed") == "true"
