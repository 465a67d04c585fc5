"""Memory of classify does not follow the number of chips: a long, narrow survey takes what a short one takes.

And memory that is freed goes back to the system where a long run asks for it.

The network is left out: what a worker answers is made up. `python -m benchmarks.memory` measures whole processes.
"""

import platform
import resource
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from landuse.chips import writing
from landuse.engine.parts import PartStore
from landuse.environment import give_memory_back
from landuse.models.bundle import write_bundle
from landuse.options.survey import ClassifyOptions
from landuse.scoring import run as scoring
from landuse.scoring.block import BlockReport, part_table
from landuse.stages.classify import classify
from tests.made import raster
from tests.models import small

COLS = 16
FEW, MANY = 1_024, 8_192
CLASSES = 60


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model with many classes, so that probabilities weigh more than all else."""
    classes = CLASSES
    legend = small.LEGEND.model_copy(
        update={
            "classes": tuple(
                small.LEGEND.classes[0].model_copy(update={"code": c, "name": f"class {c}"})
                for c in range(1, classes + 1)
            )
        }
    )
    bundle = small.bundle(legend=legend, head=small.random_head(6, classes))
    return write_bundle(bundle, tmp_path_factory.mktemp("model") / "small.landuse")


def made_up(job, work):
    """A part whose chips are all of one class, another one in the next block."""
    rows, cols = work.cells()
    probabilities = np.full((len(rows), CLASSES), 0.5 / CLASSES, np.float32)
    probabilities[:, work.block.row % CLASSES] += 0.5
    columns = {"row": rows, "col": cols}
    PartStore(job.parts).write(work.key, part_table(columns, {"probabilities": [probabilities]}))
    return BlockReport(work.key, len(rows), (), "f32", 0.0)


def peak(chips, model, folder):
    """Highest bytes that Python and NumPy held at once while so many chips were classified."""
    empty = np.full((3, chips // COLS, COLS), 9, np.uint8)
    source = raster(folder / f"{chips}.tif", empty, Affine(32, 0, 480_000, 0, -32, 4_480_000), compress="deflate")
    options = ClassifyOptions(model=str(model), chip_m=32.0, chip_px=small.PX)
    tracemalloc.start()
    try:
        _, record = classify([source], folder / f"map_{chips}", options)
        assert record.counts["classified"] == chips
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_eight_times_the_chips_need_little_more_memory(model, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "score_block", made_up)
    monkeypatch.setattr(writing, "ROW_GROUP", 512)
    peak(256, model, tmp_path)  # what is imported and cached once
    few, many = peak(FEW, model, tmp_path), peak(MANY, model, tmp_path)
    probabilities = MANY * CLASSES * 4
    assert many - few < probabilities / 4


@pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="glibc alone holds what is freed"
)
def test_memory_freed_between_what_stays_goes_back_to_the_system():
    rows = [b"x" * (size + 2**16) for size in range(2**10)]
    stays, held = rows[::16], resident()
    del rows
    give_memory_back()
    assert len(stays) == 2**6
    assert held - resident() > 40 * 2**20


def resident():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
