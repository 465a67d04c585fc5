"""A report is printed on two pages by whatever is there, and a machine without anything says so in a sentence."""

import re
import shutil
import stat

import pytest

from landuse.errors import LanduseError, MissingDependencyError
from landuse.options.results import ReportOptions
from landuse.reporting import pdf
from landuse.reporting.page import gather, report_html
from landuse.stages.pages import report

CHROMIUM = next(filter(None, map(shutil.which, pdf.BROWSERS)), None)


def pages(path):
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", path.read_bytes()))


def size(path):
    found = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", path.read_bytes())
    return round(float(found[1])), round(float(found[2]))


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(("paper", "points"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_a_browser_prints_two_pages(pictured, tmp_path, paper, points):
    report(pictured, tmp_path / "r.html", ReportOptions(pdf=tmp_path / "r.pdf", paper=paper))
    assert pages(tmp_path / "r.pdf") == 2
    assert all(abs(a - b) <= 1 for a, b in zip(size(tmp_path / "r.pdf"), points, strict=True))


def test_weasyprint_prints_where_there_is_no_browser(change, tmp_path, monkeypatch):
    pytest.importorskip("weasyprint")
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    pdf.write_pdf(report_html(gather(change)), tmp_path / "r.pdf")
    assert (tmp_path / "r.pdf").read_bytes().startswith(pdf.PDF)


def test_without_either_it_is_said_before_anything_is_written(change, tmp_path, monkeypatch):
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    monkeypatch.setattr(pdf, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"landuse\[pdf\]"):
        report(change, tmp_path / "r.html", ReportOptions(pdf=tmp_path / "r.pdf"))
    assert not (tmp_path / "r.html").exists()


def test_a_browser_is_found_by_its_name_and_one_that_fails_is_named(tmp_path, monkeypatch):
    browser = tmp_path / "google-chrome"
    browser.write_text("#!/bin/sh\nexit 1\n")
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    assert pdf.find_browser({"PATH": str(tmp_path)}) == str(browser)
    assert pdf.find_browser({"PATH": str(tmp_path / "none")}) in (None, *pdf.PLACES)
    monkeypatch.setattr(pdf, "find_browser", lambda: str(browser))
    with pytest.raises(LanduseError, match="could not print"):
        pdf.write_pdf("<p>", tmp_path / "r.pdf")
