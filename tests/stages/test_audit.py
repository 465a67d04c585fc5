"""Sites are drawn, looked at, and the list is re-ranked and vouched for."""

import csv
import json
import shutil

import numpy as np
import pytest
from openpyxl import load_workbook

from landuse.change.result import read_change
from landuse.errors import ConfigError, SourceNotFoundError
from landuse.options.results import AuditApplyOptions, AuditOptions
from landuse.outputs.record import damaged_files, read_record
from landuse.stages.audit import apply, audit, listed
from landuse.stages.diff import diff
from tests.change.makers import classified, sharp


def lines(path):
    with path.open(encoding="utf8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def change(tmp_path_factory):
    """Eighty lone cells that change: those of class 0 by error, the others truly."""
    folder = tmp_path_factory.mktemp("pair")
    before = np.repeat(np.arange(3), 14)[None, :].repeat(32, 0)
    after = before.copy()
    after[2::3, 1::5] = (after[2::3, 1::5] + 1) % 3
    maps = [classified(folder / name, sharp(codes)) for name, codes in (("land_2014", before), ("land_2020", after))]
    return diff(maps, folder / "change").out


@pytest.fixture(scope="module")
def drawn(change, tmp_path_factory):
    return audit(change, tmp_path_factory.mktemp("audit") / "audit", AuditOptions(random=40, chosen=20, top=80))


def answered(drawn, path, say):
    """The sheet of an audit with what `say` makes of each site of the list."""
    sites = {row["site"]: row for row in lines(drawn.out / "sites.csv")}
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.DictWriter(stream, ["site", "changed"])
        writer.writeheader()
        writer.writerows(
            {"site": row["site"], "changed": say(sites[row["site"]])} for row in lines(drawn.out / "audit.csv")
        )
    return path


def test_the_page_and_the_sheet_do_not_say_what_the_map_says(change, drawn):
    assert (drawn.random, drawn.chosen) == (40, 20)
    sheet = lines(drawn.out / "audit.csv")
    assert list(sheet[0]) == ["site", "lon", "lat", "changed"]
    page = (drawn.out / "label.html").read_text("utf8")
    names = {row["from"] for row in lines(change / "sites.csv")}
    assert not any(name in page for name in names)
    assert "chosen" not in page
    assert damaged_files(drawn.out, read_record(drawn.out)) == {}


def test_where_few_sites_are_listed_the_likeliest_other_cells_follow(change):
    sites, found = lines(change / "sites.csv"), read_change(change)
    rows = listed(found, len(sites) + 25)
    assert [row["site"] for row in rows] == [str(number) for number in range(1, len(sites) + 26)]
    assert [row["lon"] for row in rows[: len(sites)]] == [row["lon"] for row in sites]
    probability = [float(row["probability"]) for row in rows[len(sites) :]]
    assert probability[0] < 0.1
    assert probability == sorted(probability, reverse=True)
    assert len(listed(found, 3)) == 3


def test_answers_put_the_kinds_that_are_real_first_and_are_vouched_for(drawn, tmp_path):
    kinds = sorted({row["from"] for row in lines(drawn.out / "sites.csv")})
    truth = lambda row: "no" if row["from"] == kinds[0] else "yes"  # noqa: E731
    sheet = answered(drawn, tmp_path / "audit.csv", truth)
    found = apply(sheet, tmp_path / "out", AuditApplyOptions(design=drawn.out))
    rows = lines(tmp_path / "out" / "sites.csv")
    assert len(rows) == drawn.sites
    score = [float(row["after_audit"]) for row in rows]
    assert score == sorted(score, reverse=True)
    first = [truth(row) for row in rows]
    assert first.index("no") == first.count("yes")
    vouched = [row for row in rows if row["claimed"] == "yes"]
    assert len(vouched) == found.claim.sites > 0
    assert np.mean([truth(row) == "yes" for row in vouched]) >= 0.8
    said = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert said["sentence"].startswith("At least 80% of the first")
    assert said["least_share"] >= 0.8


def test_the_comparison_is_written_anew_with_its_other_files(drawn, change, tmp_path):
    sheet = answered(drawn, tmp_path / "audit.csv", lambda row: "yes")
    folder = shutil.copytree(change, tmp_path / "change")
    before = lines(folder / "sites.csv")
    apply(sheet, folder, AuditApplyOptions(design=drawn.out), folder)
    rows, record = lines(folder / "sites.csv"), read_record(folder)
    assert (record.command, damaged_files(folder, record)) == ("diff", {})
    assert record.details["audit"]["sentence"].startswith("At least 80%")
    assert (folder / "change.tif").read_bytes() == (change / "change.tif").read_bytes()
    tiers = {row["site"]: row["tier"] for row in before}
    assert all(row["tier"] == tiers.get(row["site"], "") for row in rows)
    share = [float(row["expected_real_share"]) for row in rows]
    assert share == sorted(share, reverse=True)
    assert len(read_change(folder).names) == 2
    books = [load_workbook(one / "tables.xlsx") for one in (change, folder)]
    assert books[0].sheetnames == books[1].sheetnames
    for name in set(books[0].sheetnames) - {"sites"}:
        assert list(books[1][name].values) == list(books[0][name].values)
    assert [str(row[0]) for row in books[1]["sites"].values] == ["site", *(row["site"] for row in rows)]
    with pytest.raises(SourceNotFoundError, match="not of diff"):
        apply(sheet, tmp_path / "out", AuditApplyOptions(design=drawn.out), drawn.out)


def test_what_people_said_of_a_site_outranks_what_the_list_thinks(drawn, tmp_path):
    """Real ones come first and are vouched for, errors come last and are not, whatever their kind and part."""
    sheet = answered(drawn, tmp_path / "audit.csv", lambda row: "no" if int(row["site"]) % 7 == 1 else "yes")
    found = apply(sheet, tmp_path / "out", AuditApplyOptions(design=drawn.out))
    rows = lines(tmp_path / "out" / "sites.csv")
    said = [row["changed"] for row in rows]
    assert set(said[: said.count("yes")]) == {"yes"}
    assert set(said[-said.count("no") :]) == {"no"}
    assert {row["claimed"] for row in rows if row["changed"] == "yes"} == {"yes"}
    assert {row["claimed"] for row in rows if row["changed"] == "no"} == {"no"}
    assert {row["claimed"] for row in rows[: found.claim.sites]} == {"yes"}
    assert sum(row["claimed"] == "yes" for row in rows) == found.claim.sites > said.count("yes")


def test_a_list_that_is_mostly_false_is_not_vouched_for(drawn, tmp_path):
    sheet = answered(drawn, tmp_path / "audit.csv", lambda row: "no")
    found = apply(sheet, tmp_path / "out", AuditApplyOptions(design=drawn.out))
    assert found.claim.sites == 0
    assert "No part of the list" in found.sentence
    assert {row["claimed"] for row in lines(tmp_path / "out" / "sites.csv")} == {"no"}


def test_random_sites_count_up_to_the_first_that_is_not_answered(drawn, tmp_path):
    """Who answers only what is sure to be real does not make the list look better."""
    lot = [row["site"] for row in lines(drawn.out / "key.csv") if row["part"] == "random"]
    sheet = answered(drawn, tmp_path / "audit.csv", lambda row: "" if row["site"] == lot[25] else "yes")
    found = apply(sheet, tmp_path / "out", AuditApplyOptions(design=drawn.out))
    assert found.claim.answers <= 20


def test_before_the_first_look_it_is_said_that_random_sites_do_not_count_yet(drawn, tmp_path):
    lot = [row["site"] for row in lines(drawn.out / "key.csv") if row["part"] == "random"]
    sheet = answered(drawn, tmp_path / "audit.csv", lambda row: "yes" if row["site"] in lot[:19] else "")
    found = apply(sheet, tmp_path / "out", AuditApplyOptions(design=drawn.out))
    assert "random sites count from 20 answers on" in found.sentence


def test_what_is_no_answer_of_this_audit_is_refused(drawn, change, tmp_path):
    options = AuditApplyOptions(design=drawn.out)
    with pytest.raises(ConfigError, match="yes, no or unsure"):
        apply(answered(drawn, tmp_path / "a.csv", lambda row: "maybe"), tmp_path / "out", options)
    (tmp_path / "b.csv").write_text("site,changed\n99999,yes\n")
    with pytest.raises(ConfigError, match="not of this audit"):
        apply(tmp_path / "b.csv", tmp_path / "out", options)
    with pytest.raises(SourceNotFoundError, match="no folder of landuse audit"):
        apply(tmp_path / "b.csv", tmp_path / "out", AuditApplyOptions(design=change))
