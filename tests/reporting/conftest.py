"""Comparisons to be reported."""

import numpy as np
import pytest

from landuse.legend import LandClass, Legend
from landuse.options.results import DiffOptions
from landuse.stages.diff import diff
from tests.change.makers import classified, sharp
from tests.outputs.conftest import Maker, built_up, made_land

HOSTILE = "<script>alert(1)</script>"
BIDI = "\u0627\u0644\u0645\u0627\u0621 & \"quotes\" 'too'"
NAMED = Legend(
    name="hostile",
    classes=(
        LandClass(code=1, name=HOSTILE, color="#D55E00"),
        LandClass(code=2, name=BIDI, color="#0072B2"),
        LandClass(code=3, name="Forest", color="#009E73"),
    ),
)


def codes_of_blocks():
    """Class positions before and after: blocks of 6 x 6 cells; one place becomes class 1."""
    rng = np.random.default_rng(3)
    before = np.kron(rng.integers(0, 3, (8, 8)), np.ones((6, 6), int))
    after = before.copy()
    after[3:9, 4:12] = 1
    return before, after


@pytest.fixture(scope="session")
def change(tmp_path_factory):
    """A folder of diff over two made maps with probabilities and without imagery."""
    folder = tmp_path_factory.mktemp("pair")
    maps = [
        classified(folder / name, sharp(codes))
        for name, codes in zip(("land_2014", "land_2020"), codes_of_blocks(), strict=True)
    ]
    diff(maps, folder / "change", DiffOptions())
    return folder / "change"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """The same with class names and folder names that are HTML."""
    folder = tmp_path_factory.mktemp("pair")
    maps = [
        classified(folder / name, sharp(codes, 3), legend=NAMED)
        for name, codes in zip(("<b>2014", "<img src=x>2014"), codes_of_blocks(), strict=True)
    ]
    diff(maps, folder / "change", DiffOptions())
    return folder / "change"


@pytest.fixture(scope="session")
def pictured(tmp_path_factory):
    """A folder of diff over two maps whose imagery is at hand."""
    maker = Maker(tmp_path_factory.mktemp("pictured"))
    before = made_land((12, 16), blot=2)
    maps = [
        maker.classify(f"land_{year}", codes, survey=maker.survey(f"{year}.tif", codes))
        for year, codes in ((2010, before), (2016, built_up(before, sites=5)))
    ]
    diff(maps, maker.root / "change", DiffOptions(min_probability=0))  # every difference is a site
    return maker.root / "change"
