"""What follows a comparison, from Python: the same files as by the commands, and results that show something."""

import zipfile

import numpy as np
import pandas as pd
import pytest

import landuse as lu
from landuse.errors import UsageError
from tests.change.makers import classified, sharp
from tests.patchwork import OPTIONS


@pytest.fixture(scope="module")
def change(tmp_path_factory):
    """Two made maps of stripes, with lone cells that change."""
    folder = tmp_path_factory.mktemp("pair")
    before = np.repeat(np.arange(3), 10)[None, :].repeat(30, 0)
    after = before.copy()
    after[2::3, 1::5] = (after[2::3, 1::5] + 1) % 3
    maps = [classified(folder / name, sharp(codes)) for name, codes in (("land_2014", before), ("land_2020", after))]
    return lu.diff(*maps, out=folder / "change")


@pytest.fixture(scope="module")
def compared(work, tmp_path_factory):
    """A whole map of a survey, and its comparison with a copy of itself."""
    folder = tmp_path_factory.mktemp("maps")
    land = lu.classify(*work.survey, **OPTIONS, model=work.model, out=folder / "land")
    return land, lu.diff(land, land.save(folder / "copy"))


def test_a_sample_and_what_its_answers_say(change, tmp_path):
    drawn = lu.assess_design(change, units=60, least=10, seed=1)
    assert "a sample of 70 cells, in " in repr(drawn)
    assert drawn.page.path.name == "label.html"
    sheet = pd.read_csv(drawn.folder / "sample.csv", dtype=str)
    assert len(sheet) == 70
    key = pd.read_csv(drawn.folder / "key.csv", dtype=str).set_index("sample_id").loc[sheet.sample_id]
    sheet["before"], sheet["after"] = key.before.to_numpy(), key.to.to_numpy()
    sheet.to_csv(tmp_path / "answers.csv", index=False)
    areas = lu.assess_estimate(tmp_path / "answers.csv", out=tmp_path / "areas", design=drawn)
    assert "areas from 70 answers; the change map is right on 100.0% of the land" in repr(areas)
    assert {"area_ha", "low_ha", "high_ha"} <= set(areas.table.columns)
    assert "<th>area_ha</th>" in areas._repr_html_()
    with pytest.raises(UsageError, match="no page"):
        _ = areas.page


def test_an_audit_and_what_it_learns(change, tmp_path):
    drawn = lu.audit_sites(change, random=30, chosen=10)
    assert repr(drawn).startswith("<landuse 40 of 500 sites to look at, in ")
    drawn.table.assign(changed="yes").to_csv(tmp_path / "audit.csv", index=False)
    ranked = lu.audit_apply(tmp_path / "audit.csv", design=drawn)
    assert len(ranked.table) == 500
    assert "at least 80% of" in repr(ranked).lower()


def test_what_is_alike(compared):
    land, _ = compared
    chip = land.arrays.chips.ids[0]
    alike = lu.find(land, chip, top=5)
    assert alike.table.chip_id[0] == chip
    assert len(alike.table) == 6
    assert repr(alike).startswith(f"<landuse 5 like {chip}, in ")
    assert alike.page.path.name == "similar.html"


def test_a_packet_and_a_report(compared, tmp_path):
    _, change = compared
    with zipfile.ZipFile(lu.packet(change, tmp_path / "change.zip")) as packed:
        assert "README.txt" in packed.namelist()
    assert "<html" in lu.report(change, out=tmp_path / "report.html").path.read_text("utf8")[:200]


def test_a_look_at_a_survey_and_at_this_machine(work):
    assert {"libraries", "Java"} <= {finding.what for finding in lu.doctor()}
    found = lu.doctor(*work.survey, others=tuple(work.survey), chip_m=32)
    assert not [finding for finding in found if finding.stops]
