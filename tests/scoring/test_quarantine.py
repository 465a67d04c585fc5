import csv

import pytest

from landuse.errors import TooManyQuarantinedError
from landuse.scoring.block import Quarantined
from landuse.scoring.run import check_quarantined, write_quarantine

BAD = Quarantined("r1c2", 'Tile 3 of "a, b.tif"\ncannot be read.', "a, b.tif")


def test_one_of_a_hundred_is_allowed_and_two_are_not():
    check_quarantined([BAD], 100, 0.01)
    with pytest.raises(TooManyQuarantinedError) as caught:
        check_quarantined([BAD] * 2, 100, 0.01)
    assert str(caught.value).startswith(
        "2 of 100 chips (2.0%) could not be used, and a run may lose 1.0%; r1c2 because"
    )


def test_none_and_all():
    check_quarantined([], 10, 0)
    check_quarantined([], 0, 0)
    check_quarantined([BAD] * 10, 10, 1)
    with pytest.raises(TooManyQuarantinedError):
        check_quarantined([BAD], 1_000_000, 0)


def test_the_file_has_a_header_always_and_escapes(tmp_path):
    path = tmp_path / "quarantine.csv"
    write_quarantine(path, [])
    assert path.read_text() == "chip_id,cause,source\n"
    write_quarantine(path, [Quarantined("r2c0", "gone"), BAD])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["chip_id"] for row in rows] == ["r1c2", "r2c0"]
    assert rows[0] == {"chip_id": "r1c2", "cause": 'Tile 3 of "a, b.tif" cannot be read.', "source": "a, b.tif"}
