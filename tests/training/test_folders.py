"""Class folders: which are classes, and by which names."""

import pytest

from landuse.errors import SourceNotFoundError
from landuse.legend import Legend
from landuse.training.listing import class_folders
from landuse.training.samples import class_code

LEGEND = Legend.model_validate(
    {
        "name": "two",
        "classes": [
            {"code": 4, "name": "Shrub/Scrub", "color": "#aa8844", "labels": ["bush"]},
            {"code": 7, "name": "Water", "color": "#0000ff"},
        ],
    }
)


def test_chips_without_a_label_are_not_a_class(tmp_path):
    for name in ("chips", "Water"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "r1c1.png").touch()
    assert class_folders(tmp_path).labels == (("Water",),)
    (tmp_path / "Water" / "r1c1.png").unlink()
    with pytest.raises(SourceNotFoundError):
        class_folders(tmp_path)


@pytest.mark.parametrize(
    ("name", "code"),
    [("Shrub/Scrub", 4), ("Shrub_Scrub", 4), ("shrub_scrub", 4), ("Bush", 4), ("water", 7), ("Ice", 0)],
)
def test_a_folder_has_its_class_by_name_or_by_safe_name(name, code):
    assert class_code(LEGEND, name) == code
