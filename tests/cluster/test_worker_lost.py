"""Disks that are full, sources that go away: the rest of the map is right."""

import contextlib
import csv
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.cluster.conftest import BLOCKS, command
from tests.cluster.processes import Command, counts, here, parts_of, until

pytestmark = pytest.mark.timeout(900)  # seconds on an idle machine


def lost_chips(out: Path) -> dict[str, str]:
    """Cause by chip id."""
    with (out / "quarantine.csv").open(newline="") as file:
        return {line["chip_id"]: line["cause"] for line in csv.DictReader(file)}


def check_the_rest(out: Path, undisturbed: Path) -> None:
    """Assert that what is not quarantined is as it would be, and that there is some of it."""
    with rasterio.open(out / "probabilities.tif") as one, rasterio.open(undisturbed / "probabilities.tif") as other:
        found, wanted = one.read(), other.read()
    known = np.isfinite(found[0])
    assert known.sum() == counts(out)["classified"] > 0
    assert (~known).sum() == len(lost_chips(out)) == counts(out)["quarantined"] > 0
    assert np.array_equal(found[:, known], wanted[:, known])


def copied(work, folder: Path) -> list[Path]:
    folder.mkdir()
    return [Path(shutil.copy(path, folder)) for path in work.survey]


def test_a_source_that_vanishes(work, undisturbed, tmp_path):
    out, sources = tmp_path / "map", copied(work, tmp_path / "survey")
    arguments = [*command(work, out), "--max-quarantined", "1"]
    arguments[1:3] = sources
    one = Command.start(*arguments)
    until(lambda: len(parts_of(out)) >= 3, one)
    sources[1].unlink()
    status, _, trouble = one.wait()
    assert status == 3, trouble
    assert all(str(sources[1]) in cause for cause in lost_chips(out).values())
    check_the_rest(out, undisturbed)


def test_a_source_that_is_cut_short_in_one_block(work, undisturbed, tmp_path, capsys):
    out, sources = tmp_path / "map", copied(work, tmp_path / "survey")
    with sources[0].open("r+b") as file:
        file.truncate(int(sources[0].stat().st_size * 0.95))
    arguments = [*command(work, out), "--max-quarantined", "0.2"]
    arguments[1:3] = sources
    assert here(*arguments) == 3
    assert capsys.readouterr().err.endswith(f"{out}/quarantine.csv says which and why.\n")
    lost = lost_chips(out)
    assert {chip.split("c")[0] for chip in lost} <= {f"r{row}" for row in range(139_936, 139_941)}, (
        "the lowest rows only"
    )
    assert all(f"{sources[0]} is damaged" in cause for cause in lost.values())
    check_the_rest(out, undisturbed)


@contextlib.contextmanager
def small_disk(folder: Path, size: str):
    """A file system of its own with room for `size`; needs the rights to mount one."""
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder]).returncode:
        pytest.skip("no rights to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_full_while_parts_are_written(work, undisturbed, tmp_path):
    out = tmp_path / "map"
    with small_disk(tmp_path / "disk", "32k") as disk:
        status = here(*command(work, out), "--parts", disk, "--max-quarantined", "1")
        assert not list(disk.rglob("part*")), "parts are removed at the end"
    assert status == 3
    assert 0 < counts(out)["blocks_computed"] <= BLOCKS
    assert all("No space left on device" in cause for cause in lost_chips(out).values())
    check_the_rest(out, undisturbed)
