import numpy as np
import pytest

from landuse.errors import UsageError
from landuse.mosaic import open_survey
from landuse.mosaic.flights import palette_of
from landuse.scoring.colours import colours_for
from tests.mosaic.rasters import Raster, ramp


@pytest.fixture
def surveys(tmp_path):
    """A survey, and the same land by a darker camera."""
    bright = open_survey([Raster(ramp(64, 64)).write(tmp_path / "bright.tif")])
    dark = open_survey([Raster(np.rint(ramp(64, 64) * 0.6).astype(np.uint8)).write(tmp_path / "dark.tif")])
    return bright, dark


def test_auto_changes_colours_that_are_far(surveys):
    bright, dark = surveys
    found = colours_for(dark, palette_of(bright), "auto")
    assert found.recolouring is not None
    assert found.after < found.before / 4
    assert "brought to those of the training survey" in found.sentence


def test_auto_leaves_colours_that_are_near(surveys):
    bright, _ = surveys
    found = colours_for(bright, palette_of(bright), "auto")
    assert found.recolouring is None
    assert colours_for(bright, palette_of(bright), "quantile").recolouring is not None


def test_none_measures_nothing(surveys):
    bright, dark = surveys
    found = colours_for(dark, palette_of(bright), "none")
    assert found.as_dict()["recoloured"] is False
    assert found.before is None


def test_a_model_of_single_images_has_no_colours_to_bring_to(surveys):
    assert colours_for(surveys[0], None, "auto").recolouring is None
    with pytest.raises(UsageError, match="train on chips"):
        colours_for(surveys[0], None, "quantile")


def test_auto_leaves_land_that_no_curve_explains(surveys, tmp_path):
    """One colour everywhere is a lake or a desert, not another light."""
    lake = open_survey([Raster(np.full((3, 64, 64), 40, np.uint8)).write(tmp_path / "lake.tif")])
    found = colours_for(lake, palette_of(surveys[0]), "auto")
    assert found.recolouring is None
    assert found.before > 4
