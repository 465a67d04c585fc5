"""A run of many blocks: what travels with each, and when a run ends that has lost too much."""

from dataclasses import replace

import numpy as np
import pytest

from landuse.engine.progress import Progress
from landuse.errors import TooManyQuarantinedError
from landuse.scoring import ScoreSettings, run_chips, score_chips
from landuse.scoring import run as scoring
from landuse.scoring.block import BlockReport
from landuse.stages.survey import survey_chips
from tests.patchwork import patchwork


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    """A survey of two blocks by two, each 12 columns of it a file."""
    return patchwork(tmp_path_factory.mktemp("mosaic"), rows=33, cols=60, halves=5)


@pytest.fixture(scope="module")
def tiles(mosaic):
    return survey_chips(mosaic.survey, mosaic.tile_options())


def run(tiles, mosaic, folder, **more):
    with Progress(len(tiles), "chips") as progress:
        return run_chips(tiles, ScoreSettings(mosaic.model, **more), folder, progress), progress


def test_a_block_knows_its_own_sources_alone(tiles, mosaic, tmp_path, monkeypatch):
    """What travels to a worker, and what it opens there, does not grow with the survey."""
    from pyspark import cloudpickle

    seen, real = [], scoring.score_task

    def watched(job, task):
        seen.append((len(cloudpickle.dumps((job, task))), {source.name for source in task.survey.sources}))
        return real(job, task)

    monkeypatch.setattr(scoring, "score_task", watched)
    run(tiles, mosaic, tmp_path / "parts")
    assert len(seen) > 8
    assert max(len(names) for _, names in seen) <= 3
    assert set().union(*(names for _, names in seen)) == {source.name for source in tiles.survey.sources}
    assert max(size for size, _ in seen) < 20_000


def test_the_blocks_of_a_survey_give_what_its_chips_give_one_by_one(tiles, mosaic, tmp_path, monkeypatch):
    settings = ScoreSettings(mosaic.model, precision="f32")
    with Progress(len(tiles), "chips") as progress:
        own = score_chips(tiles, settings, tmp_path / "own", progress).probabilities
    whole, real = tiles.survey, scoring.score_block
    monkeypatch.setattr(scoring, "score_block", lambda job, task: real(job, replace(task, survey=whole)))
    with Progress(len(tiles), "chips") as progress:
        assert np.array_equal(score_chips(tiles, settings, tmp_path / "whole", progress).probabilities, own)


def test_a_run_ends_once_too_much_is_lost(tiles, mosaic, tmp_path, monkeypatch):
    """With the block that passes the limit, not with the last of thousands."""
    asked = []

    def lost(job, task):
        asked.append(task)
        chips = tuple(scoring.Quarantined(f"r{row}c{col}", "gone") for row, col in zip(*task.cells(), strict=True))
        return BlockReport("", 0, chips if len(asked) > 1 else (), "f32", 0.0)

    monkeypatch.setattr(scoring, "score_block", lost)
    with pytest.raises(TooManyQuarantinedError, match="gone"):
        run(tiles, mosaic, tmp_path / "parts", max_quarantined=0.0)
    assert len(asked) == 2


def test_what_an_earlier_run_did_is_shown_as_done(tiles, mosaic, tmp_path):
    run(tiles, mosaic, tmp_path / "parts")
    again, progress = run(tiles, mosaic, tmp_path / "parts")
    assert again.computed == 0
    assert progress.done == len(tiles)
