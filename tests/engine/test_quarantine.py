import csv

import pytest

from landuse.engine.failures import Quarantined, QuarantinePolicy, write_quarantine
from landuse.errors import TooManyQuarantinedError, UsageError

BAD = Quarantined("r1c2", 'Tile 3 of "a, b.tif"\ncannot be read.', "a, b.tif")


def test_one_of_a_hundred_is_allowed_and_two_are_not():
    QuarantinePolicy().check([BAD], 100)
    with pytest.raises(TooManyQuarantinedError) as caught:
        QuarantinePolicy().check([BAD] * 2, 100)
    assert str(caught.value).startswith(
        "2 of 100 chips (2.0%) could not be used, and a run may lose 1.0%; r1c2 because"
    )


def test_none_and_all():
    QuarantinePolicy(0).check([], 10)
    QuarantinePolicy(0).check([], 0)
    QuarantinePolicy(1).check([BAD] * 10, 10)
    with pytest.raises(TooManyQuarantinedError):
        QuarantinePolicy(0).check([BAD], 1_000_000)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none(share):
    with pytest.raises(UsageError, match="lies from 0 to 1"):
        QuarantinePolicy(share)


def test_the_file_has_a_header_always_and_escapes(tmp_path):
    path = tmp_path / "quarantine.csv"
    write_quarantine(path, [])
    assert path.read_text() == "chip_id,cause,source\n"
    write_quarantine(path, [Quarantined("r2c0", "gone"), BAD])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["chip_id"] for row in rows] == ["r1c2", "r2c0"]
    assert rows[0] == {"chip_id": "r1c2", "cause": 'Tile 3 of "a, b.tif" cannot be read.', "source": "a, b.tif"}
