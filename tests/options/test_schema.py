"""Options are checked where they are made, whoever makes them."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from pyproj import CRS

from landuse.errors import UsageError
from landuse.grid import CHIP_M, CHIP_PX
from landuse.labels.rules import RULES
from landuse.options.results import DiffOptions, EvaluateOptions
from landuse.options.survey import ClassifyOptions, LabelRule, SurveyOptions, TileOptions
from landuse.options.training import FineTuneOptions, HeadOptions, TrainingOptions, TrainOptions, TuneOptions

ALL = (TileOptions, ClassifyOptions, DiffOptions, EvaluateOptions, TrainingOptions)


@pytest.mark.parametrize(
    ("schema", "values", "sentence"),
    [
        (TileOptions, {"chip_m": -1}, "--chip-size cannot be -1: it should be greater than 0."),
        (TileOptions, {"chip_size": 112}, "There is no option 'chip_size'; did you mean 'chip_m'? There are"),
        (
            TileOptions,
            {"label_rule": "most"},
            "--label-rule cannot be 'most': it should be 'nine-point', 'majority' or 'centre'.",
        ),
        (TileOptions, {"bands": (0, 1, 2)}, "--bands cannot be 0: it should be greater than or equal to 1."),
        (ClassifyOptions, {"cell": float("inf")}, "--cell cannot be inf"),
        (HeadOptions, {"head": "forest"}, "A forest needs Spark: give --master local[*] or a cluster, not inline."),
        (TrainingOptions, {"layers": "all", "folds": 3}, "leave --tune and --folds out"),
        (FineTuneOptions, {"layers": "some"}, "last-block, all or a number of layers"),
        (FineTuneOptions, {"layers": 0}, "--fine-tune cannot be 0"),
        (TileOptions, {"labels": 5}, "--labels cannot be 5: it should be a path."),
        (TileOptions, {"labels": ["land\n"] * 999}, "'land\\n', ...: it should be a path."),
        (TrainingOptions, {"seed": -1}, "--seed cannot be -1"),
        (TrainingOptions, {"fine_tune": "all"}, "There is no option 'fine_tune'; did you mean 'layers'?"),
    ],
)
def test_what_cannot_be_is_one_sentence(schema, values, sentence):
    with pytest.raises(UsageError) as caught:
        schema(**values)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("schema", ALL)
def test_options_are_frozen_travel_and_are_json(schema):
    options = schema()
    with pytest.raises(ValueError, match="frozen"):
        options.fresh = True
    assert pickle.loads(pickle.dumps(options)) == options  # noqa: S301  # our own bytes
    assert schema(**options.as_json()) == options


def test_a_crs_may_be_an_object_of_python():
    utm = CRS(26919)
    assert TileOptions(crs=26919).crs == "EPSG:26919"
    assert CRS(TileOptions(crs=utm).crs) == utm


def test_a_changed_copy_is_checked():
    options = TileOptions(chip_m=112)
    assert options.changed(chip_px=64) == TileOptions(chip_m=112, chip_px=64)
    with pytest.raises(UsageError, match="--chip-pixels"):
        options.changed(chip_px=1)


def test_paths_may_stand_for_names():
    assert ClassifyOptions(model=Path("my.landuse")).model == "my.landuse"


def test_a_stage_may_be_given_the_options_of_another_that_has_more():
    assert isinstance(ClassifyOptions(), SurveyOptions)
    assert isinstance(TrainingOptions(), TrainOptions | TuneOptions | FineTuneOptions)


def test_the_usual_chip_is_that_of_the_lattice():
    assert (TileOptions().chip_m, TileOptions().chip_px) == (CHIP_M, CHIP_PX)


def test_every_label_rule_can_be_asked_for():
    assert set(get_args(LabelRule)) == set(RULES)


def test_schemas_are_cheap_to_import():
    code = "import sys, landuse.options.survey, landuse.options.training, landuse.options.results; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("numpy", "pyproj", "rasterio", "pyarrow", "pandas"):
        assert f"'{heavy}'" not in loaded
