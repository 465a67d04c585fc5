"""After a killed run something has changed: what it left is used only where it is still right."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio

from landuse.models.architectures import Preprocess
from landuse.models.bundle import write_bundle
from landuse.options.survey import ClassifyOptions
from landuse.scoring import plan
from landuse.stages.classify import classify
from tests.cluster.processes import CHIPS, Command, parts_of, until
from tests.models import small
from tests.patchwork import OPTIONS, Patchwork, patchwork

pytestmark = pytest.mark.timeout(900)  # seconds on an idle machine


@dataclass(frozen=True)
class Killed:
    """What a killed run worked on, and the folder of its parts."""

    work: Patchwork
    parts: Path


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    work = patchwork(folder / "survey", rows=32, cols=24)
    out = folder / "map"
    one = Command.start("classify", *work.survey, "--model", work.model, *CHIPS, "--master", "inline", "--out", out)
    until(lambda: len(parts_of(out)) >= 2, one, every_s=0.001)
    one.kill()
    assert not out.exists()
    return Killed(work, folder / ".map.parts")


def outcome(killed: Killed, out: Path, options: ClassifyOptions, survey: list[Path]) -> tuple[int, list[bytes]]:
    """Blocks that were reused from the killed run's parts, and the bytes of the map."""
    _, record = classify(survey, out, options)
    return int(record.counts["blocks_reused"]), [(out / n).read_bytes() for n in ("landuse.tif", "probabilities.tif")]


def check(killed: Killed, folder: Path, options: ClassifyOptions, survey: list[Path] | None = None) -> int:
    """Go on from the killed run's parts, and from none; the maps must agree. Returns the blocks that were reused."""
    survey = survey or killed.work.survey
    shutil.copytree(killed.parts, folder / ".again.parts")
    reused, again = outcome(killed, folder / "again", options, survey)
    _, anew = outcome(killed, folder / "anew", options, survey)
    assert again == anew
    return reused


def plain(killed: Killed, **changes) -> ClassifyOptions:
    return ClassifyOptions(**({"model": str(killed.work.model), "formats": ("geojson",), **OPTIONS} | changes))


def with_model(**changes) -> Callable[[Killed, Path], ClassifyOptions]:
    def options(killed: Killed, folder: Path) -> ClassifyOptions:
        return plain(killed, model=str(write_bundle(small.bundle(**changes), folder / "small.landuse")))

    return options


CHANGES = {
    "weights": with_model(backbone=small.backbone(1)),
    "head": with_model(head=small.random_head(6, 3, seed=1)),
    "preprocessing": with_model(backbone=small.backbone(0, Preprocess(order="rgb", scale=1 / 255))),
    "chip size": lambda killed, _: plain(killed, **OPTIONS | {"chip_m": 64.0}),
    "runtime arithmetic": lambda killed, _: plain(killed, precision="f32"),
}


def test_what_has_not_changed_is_reused(killed, tmp_path):
    parts = len(list(killed.parts.glob("part-*.parquet")))
    assert 2 <= parts <= 6
    assert check(killed, tmp_path, plain(killed)) == parts


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_of_another_run_is_reused(killed, tmp_path, change):
    assert check(killed, tmp_path, CHANGES[change](killed, tmp_path)) == 0


def test_nothing_of_another_version_is_reused(killed, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "__version__", "999")
    assert check(killed, tmp_path, plain(killed)) == 0


def test_blocks_of_a_source_that_has_changed_are_computed_again(killed, tmp_path):
    parts = len(list(killed.parts.glob("part-*.parquet")))
    states = {path: (path.read_bytes(), path.stat()) for path in killed.work.survey}
    for name in ("changed", "as_before"):
        (tmp_path / name).mkdir()
    try:
        for path in states:
            with rasterio.open(path, "r+") as image:
                image.write(np.uint8(255) - image.read())
        assert check(killed, tmp_path / "changed", plain(killed)) == 0
    finally:
        for path, (content, state) in states.items():
            path.write_bytes(content)
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert check(killed, tmp_path / "as_before", plain(killed)) == parts
