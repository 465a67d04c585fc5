"""`doctor SOURCE...` finds what would make a map wrong before anything is computed."""

import json
import re

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

from landuse.cli.survey import doctor
from landuse.mosaic import open_survey
from landuse.mosaic.condition import damage, seams
from landuse.options.survey import SurveyOptions
from landuse.stages import doctor as stage
from tests.mosaic.rasters import GRID, Raster, at, elsewhere, noise, ramp

OPTIONS = SurveyOptions(chip_m=32.0, chip_px=32)


@pytest.fixture(autouse=True)
def no_costs(monkeypatch):
    """What a map costs is measured with a model, which the tests of the forecast do."""
    monkeypatch.setattr(stage, "_costs", lambda *_: iter(()))


def findings(sources, others=(), options=OPTIONS):
    return stage.examine([sources], [others] if others else [], options)


def said(found, grade):
    return {finding.what: f"{finding.has} {finding.mend}" for finding in found if finding.grade == grade}


def test_a_sound_survey_has_nothing_to_mend(tmp_path):
    Raster(noise(64, 64)).write(tmp_path / "a.tif")
    assert {finding.grade for finding in findings(tmp_path)} == {"ok"}


def test_what_would_give_a_wrong_map(tmp_path):
    for year in (2014, 2020):
        Raster(noise(64, 64)).write(tmp_path / f"ne_{year}.tif")
    whole = Raster(noise(256, 256), at(64, 0), profile={"compress": "deflate"}).write(tmp_path / "cut.tif")
    whole.write_bytes(whole.read_bytes()[:-1000])
    (tmp_path / "no.tif").write_text("no raster")
    stops = said(findings(tmp_path), "stop")
    assert "no.tif cannot be opened as a raster" in stops["file"]
    assert "cut.tif" in stops["damage"]
    assert "ne_2014.tif and ne_2020.tif cover the same" in stops["overlap"]


def test_what_is_worth_a_note(tmp_path):
    values = ramp(256, 256, 4)
    values[:3, :, :60] = 0
    values[3, :, 100:] = 0
    Raster(values, alpha=True).write(tmp_path / "a.tif")
    found = findings(tmp_path)
    assert "hides nothing" in said(found, "ok")["alpha"]
    assert "--collar keep" in said(found, "note")["collar"]


def test_deep_coarse_and_large_rasters(tmp_path):
    values = (noise(32, 32).astype(np.uint16) + 1) * 100
    Raster(values, at(0, 0, 10.0)).write(tmp_path / "a.tif")
    notes = said(findings(tmp_path, options=SurveyOptions()), "note")
    assert "10 m" in notes["pixels"]
    assert "--stretch" in notes["values"]
    Raster(np.full((1, 1, 5000), 7, np.uint8)).write(tmp_path / "wide.tif")
    found = stage.examine([tmp_path / "wide.tif"], [], SurveyOptions(bands=(1, 1, 1)))
    assert "gdaladdo" in said(found, "note")["overviews"]


def test_a_map_of_classes_is_no_imagery(tmp_path):
    path = Raster(noise(64, 64, 1) % 8).write(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {code: (30 * code, 90, 200, 255) for code in range(8)})
    assert "a.tif has so few colours" in said(findings(path), "stop")["classes"]
    picture = Raster(noise(64, 64, 1)).write(tmp_path / "b.tif")
    with rasterio.open(picture, "r+") as dataset:
        dataset.write_colormap(1, {code: (code, 90, 200, 255) for code in range(256)})
    assert not said(findings(picture), "stop")


def test_two_years_on_one_lattice(tmp_path):
    one = Raster(ramp(128, 128)).write(tmp_path / "a.tif")
    other = Raster(np.clip(ramp(128, 128).astype(int) + 60, 1, 254).astype(np.uint8)).write(tmp_path / "b.tif")
    found = findings(one, other)
    assert said(found, "ok")["common ground"].startswith("100%")
    assert "same lattice" in said(found, "ok")
    assert "--normalise" in said(found, "note")["colours"]


def test_flights_of_other_colours_are_seams(tmp_path):
    Raster(ramp(128, 128)).write(tmp_path / "a_20160620.tif")
    Raster(np.clip(ramp(128, 128).astype(int) + 60, 1, 254).astype(np.uint8), at(128, 0)).write(
        tmp_path / "b_20160703.tif"
    )
    assert "flights of 20160620 and 20160703 differ by" in said(findings(tmp_path), "note")["seams"]


def test_undated_files_of_other_colours_are_seams_where_they_meet(tmp_path):
    scene = ramp(128, 128, period=400.0)
    Raster(scene[..., :64]).write(tmp_path / "west.tif")
    Raster(scene[..., 64:], at(64, 0)).write(tmp_path / "east.tif")
    assert "seams" not in said(findings(tmp_path), "note")
    lighter = np.clip(scene.astype(int) + 40, 1, 254).astype(np.uint8)
    Raster(lighter[..., 64:], at(64, 0)).write(tmp_path / "east.tif")
    note = said(findings(tmp_path), "note")["seams"]
    assert re.search(r"east.tif and west.tif differ by (3[5-9]|4[0-5]) of 255 grey levels where they meet", note)


def test_sheets_that_overlap_a_little_are_compared_on_the_same_ground(tmp_path):
    scene = ramp(128, 128, period=400.0)
    lighter = np.clip(scene.astype(int) + 25, 1, 254).astype(np.uint8)
    Raster(scene[..., :80]).write(tmp_path / "west.tif")
    Raster(lighter[..., 64:], at(64, 0)).write(tmp_path / "east.tif")
    survey = open_survey([tmp_path])
    assert [round(seam.levels) for seam in seams(survey, GRID)] == [25]


def test_two_years_on_two_lattices(tmp_path):
    one = Raster(noise(300, 300)).write(tmp_path / "a.tif")
    west, north = elsewhere("EPSG:4326")
    other = Raster(noise(300, 300), Affine(1e-5, 0, west, 0, -1e-5, north), crs="EPSG:4326").write(tmp_path / "b.tif")
    assert "--like" in said(findings(one, other), "stop")["same lattice"]


def test_two_years_apart(tmp_path):
    one = Raster(noise(64, 64)).write(tmp_path / "a.tif")
    other = Raster(noise(64, 64), at(5000, 0)).write(tmp_path / "b.tif")
    assert said(findings(one, other), "stop")["common ground"].startswith("none")


def test_the_bands_of_a_scene_among_other_files_belong_by_themselves(tmp_path):
    for number in range(3):
        Raster(noise(64, 64, 1)).write(tmp_path / f"a_b{number}.tif")
    Raster(noise(64, 64, 4)).write(tmp_path / "z.tif")
    assert "the bands of one scene: give them by themselves" in said(findings(tmp_path), "stop")["survey"]


def test_pictures_without_a_place(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert "nothing says where on Earth its 1 picture lies" in said(findings(tmp_path), "stop")["survey"]


def test_a_survey_that_cannot_be_read_at_all(tmp_path):
    Raster(noise(8, 8, 1)).write(tmp_path / "a.tif")
    assert "no band 3" in said(findings(tmp_path), "stop")["survey"]


def test_the_command_leaves_with_1_and_speaks_json(tmp_path):
    Raster(noise(64, 64)).write(tmp_path / "a.tif")
    (tmp_path / "b.tif").touch()
    ran = CliRunner().invoke(doctor, [str(tmp_path), "--json"], standalone_mode=False)
    assert ran.return_value == 1
    found = json.loads(ran.stdout)
    assert {"grade", "what", "has", "mend"} == set(found[0])
    plain = CliRunner().invoke(doctor, [str(tmp_path / "a.tif")], standalone_mode=False)
    assert plain.return_value == 0
    assert "bands 1, 2, 3 of a.tif" in plain.stdout


def test_all_words_after_and_are_of_the_second_survey(tmp_path):
    for name in "abc":
        Raster(noise(64, 64)).write(tmp_path / f"{name}.tif")
    words = [str(tmp_path / "a.tif"), "--and", str(tmp_path / "b.tif"), str(tmp_path / "c.tif"), "--bands", "1,2,3"]
    ran = CliRunner().invoke(doctor, words, standalone_mode=False)
    assert "1 source in" in ran.stdout
    assert "b.tif and c.tif cover the same" in ran.stdout


def test_damage_names_files_that_end_before_their_pixels(tmp_path):
    path = Raster(noise(256, 256), profile={"tiled": True, "blockxsize": 64, "blockysize": 64}).write(
        tmp_path / "a.tif"
    )
    (source,) = open_survey([path]).sources
    assert damage(source) == ""
    path.write_bytes(path.read_bytes()[:-2000])
    assert "a.tif is cut short" in damage(source)
