import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from landuse.mosaic import open_survey
from landuse.mosaic.bands import band_names, completed, word_of
from tests.mosaic.rasters import Raster

BGRN = ("Blue", "Green", "Red", "Near Infrared")


def survey_of(folder, descriptions=(), colours=()):
    path = Raster(np.full((4, 8, 8), 90, np.uint8)).write(folder / "a.tif")
    with rasterio.open(path, "r+") as dataset:
        for number, text in enumerate(descriptions, 1):
            dataset.set_band_description(number, text)
        if colours:
            dataset.colorinterp = colours
    return path


def test_descriptions_of_a_file_name_its_bands(tmp_path):
    path = survey_of(tmp_path, BGRN, [ColorInterp.grey] + [ColorInterp.undefined] * 3)
    assert band_names(open_survey([path], bands=(1, 2, 3, 4)).sources[0]) == ("blue", "green", "red", "nir")
    assert band_names(open_survey([path], bands=(4, 3, 2, 1)).sources[0]) == ("nir", "red", "green", "blue")


def test_infrared_that_is_tagged_alpha_is_what_is_left_of_the_usual_names(tmp_path):
    colours = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.alpha]
    survey = open_survey([survey_of(tmp_path, colours=colours)], bands=(1, 2, 3, 4))
    assert band_names(survey.sources[0]) == ("blue", "green", "red", "nir")


def test_files_that_declare_nothing_have_the_usual_names(tmp_path):
    path = survey_of(tmp_path, colours=[ColorInterp.grey] + [ColorInterp.undefined] * 3)
    assert band_names(open_survey([path], bands=(1, 2, 3, 4)).sources[0]) == ("red", "green", "blue", "nir")


@pytest.mark.parametrize("declared", [["red", "red", "blue", "nir"], [""] * 5, ["swir", "", "", ""]])
def test_names_that_cannot_be_told_are_none(declared):
    assert completed(declared) == ()


@pytest.mark.parametrize(("text", "name"), [("NIR", "nir"), ("infra_red", "nir"), ("rededge", ""), ("red green", "")])
def test_words_of_descriptions(text, name):
    assert word_of(text) == name
