"""The dense grid: the same answers whatever the windows and blocks, and those of a chip where the window is one."""

import numpy as np
import pytest
from affine import Affine

from landuse.engine.progress import Progress
from landuse.errors import UsageError
from landuse.grid import CellRange
from landuse.models.bundle import find_bundle, read_bundle, write_bundle
from landuse.models.dense import OpenVinoDense, dense_shape
from landuse.models.libraries import ops
from landuse.models.runtime import OpenVinoRuntime
from landuse.options.results import DiffOptions
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.scoring import ScoreSettings, score_chips
from landuse.scoring import plan as planning
from landuse.scoring.dense_ground import Frame, Reach, grown, most_cells, pieces, split_of, windows_of
from landuse.stages.classify import classify
from landuse.stages.diff import diff
from landuse.stages.survey import survey_chips
from landuse.training.backbone import backbone_bundle
from tests.made import raster
from tests.models import small
from tests.scoring.dense_model import CELL, NORTH, PX, SIDE, WEST, dense_bundle, place


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return place(tmp_path_factory.mktemp("dense"))


def scored(here, chips, folder, **more):
    settings = ScoreSettings(here.model, precision="f32", split=7, **more)
    with Progress(len(chips), "chips") as progress:
        return score_chips(chips, settings, folder, progress).probabilities


def cells_of(here, **more):
    return survey_chips([here.survey], TileOptions(chip_m=CELL, chip_px=8, **more))


@pytest.mark.parametrize("name", ["builtin", "alexnet"])
def test_a_window_of_one_chip_gives_the_answer_of_the_chip(name):
    bundle = read_bundle(find_bundle(name)) if name == "builtin" else backbone_bundle("alexnet", "random", 0)
    image = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    shape = dense_shape(bundle.backbone, 32, name)
    dense = OpenVinoDense(bundle, shape, "f32")
    found = next(dense.maps(iter(image)))
    answer = dense.cells(found, np.ones(found.shape[1:], bool))
    chip = OpenVinoRuntime(bundle, "f32").predict(image)
    assert answer.features.shape == chip.features.shape
    assert np.allclose(answer.features, chip.features, rtol=1e-3, atol=1e-3 * np.abs(chip.features).max())
    assert np.abs(answer.probabilities - chip.probabilities).max() < 1e-3


@pytest.mark.parametrize("block", [16, 32, 48])
def test_answers_do_not_depend_on_the_blocks(here, tmp_path, monkeypatch, block):
    chips = cells_of(here)
    whole = scored(here, chips, tmp_path / "a")
    monkeypatch.setattr(planning, "DENSE_BLOCK", 16)
    monkeypatch.setattr(ScoreSettings, "span", property(lambda self: block))
    assert np.isfinite(whole).all()
    assert np.abs(scored(here, chips, tmp_path / "b") - whole).max() < 0.02
    assert whole.std(axis=0).min() > 0.01  # cells are told apart at all


def test_answers_do_not_depend_on_the_windows(here, tmp_path, monkeypatch):
    chips = cells_of(here)
    whole = scored(here, chips, tmp_path / "a")
    monkeypatch.setattr(
        "landuse.scoring.dense.block_windows", lambda frame, shape, threads: windows_of(frame, shape.context, 300)
    )
    assert np.abs(scored(here, chips, tmp_path / "b") - whole).max() < 0.02


def test_ground_without_imagery_spoils_no_answer_and_no_layout(tmp_path, monkeypatch):
    here = place(tmp_path, hole=True)
    chips = cells_of(here)
    assert len(chips) < 35 * 42
    whole = scored(here, chips, tmp_path / "a")
    monkeypatch.setattr(ScoreSettings, "span", property(lambda self: 16))
    assert np.isfinite(whole).all()
    assert np.abs(scored(here, chips, tmp_path / "b") - whole).max() < 0.02


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_spark_says_what_the_inline_runner_says(here, tmp_path):
    chips = cells_of(here)
    inline = scored(here, chips, tmp_path / "a")
    assert np.abs(scored(here, chips, tmp_path / "b", master="local[2]") - inline).max() < 1e-4


def test_windows_cover_what_is_needed_once():
    rows, cols = CellRange(0, 60, 0, 90).arrays()
    frame = Frame.around(rows, cols, 3, CellRange(-2, 200, -100, 92))
    windows = windows_of(frame, 5, 1500)
    seen = np.zeros(frame.cells.shape, int)
    for window in windows:
        seen[frame.place(window.kept)] += 1
        assert window.read.size <= 1500
        assert window.read.intersection(window.kept) == window.kept
        assert window.read.row0 >= -2
        assert window.read.col1 <= 92
    assert (seen[frame.place(frame.ground)] == 1).all()
    assert seen.sum() == frame.ground.size
    wide = CellRange(-9, 500, -9, 500)
    assert len(pieces(CellRange(0, 230, 0, 230), wide, 5, 11_000)) == 6
    assert len(pieces(CellRange(0, 230, 0, 230), wide, 5, 16_000)) == 4
    alone = CellRange(0, 98, 0, 98)
    assert pieces(alone, alone, 5, 98 * 98) == [alone]  # nothing to read around it
    assert grown(CellRange(0, 1, 0, 1), 2).size == 25


def squeezed():
    """A network with squeeze-and-excite: a mean of whole maps in its middle."""
    layers = small.Layers()
    image, found = small.image_of(PX)
    found = layers.conv(found, 8)
    found = ops.multiply(found, ops.sigmoid(layers.conv(small.means(found, keep=True), 8, 1, 1)))
    return small.made(small.means(layers.conv(found, 6)), image)


def test_networks_that_cannot_are_refused_in_a_sentence():
    bundle = dense_bundle()
    with pytest.raises(UsageError, match="56 pixels a side, which do not make an odd number"):
        dense_shape(bundle.backbone, 28, "dense")
    with pytest.raises(UsageError, match=r"one pooling"):
        dense_shape(squeezed(), 8, "squeezed")
    with pytest.raises(UsageError, match="do not fit"):
        split_of(bundle, SIDE, 14, "openvino")
    with pytest.raises(UsageError, match="OpenVINO alone"):
        split_of(bundle, SIDE, CELL, "tensorflow")
    assert split_of(bundle, SIDE, SIDE, "openvino") == 1
    assert split_of(bundle, SIDE, CELL, "openvino") == 7


def test_a_map_of_cells_and_a_change_between_two(here, tmp_path):
    options = ClassifyOptions(model=str(here.model), **here.lattice, cell=CELL)
    _, record = classify([here.survey], tmp_path / "one", options)
    assert record.counts["classified"] == 35 * 42
    assert record.grid["chip_m"] == CELL
    classify([here.survey], tmp_path / "two", options)
    assert (tmp_path / "one" / "landuse.tif").read_bytes() == (tmp_path / "two" / "landuse.tif").read_bytes()
    result = diff([tmp_path / "one", tmp_path / "two"], tmp_path / "change", DiffOptions())
    assert result is not None
    assert (tmp_path / "change" / "change.tif").is_file()


def test_cells_that_cannot_be_read_are_quarantined_and_the_others_answered(tmp_path):
    here = place(tmp_path)
    chips = cells_of(here)
    whole = scored(here, chips, tmp_path / "a")
    data = here.survey.read_bytes()
    here.survey.write_bytes(data[: len(data) * 2 // 3])
    settings = ScoreSettings(here.model, precision="f32", split=7, max_quarantined=1.0)
    with Progress(len(chips), "chips") as progress:
        scores = score_chips(chips, settings, tmp_path / "b", progress)
    lost = ~np.isfinite(scores.probabilities[:, 0])
    assert 0 < lost.sum() == len(scores.quarantined) < len(chips)
    far = chips.rows > chips.rows[lost].max() + 3 + 3
    assert far.any()
    assert np.abs(scores.probabilities[far] - whole[far]).max() < 0.02


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Two rasters side by side, 20 chips each: three dense blocks, cut at the columns 9008 and 9024 of the lattice of chips."""
    folder = tmp_path_factory.mktemp("halves")
    image = np.random.default_rng(0).integers(1, 255, (3, PX, 40 * PX), np.uint8)
    sides = image[:, :, : 20 * PX], image[:, :, 20 * PX :]
    paths = [
        raster(folder / f"{i}.tif", side, Affine(1, 0, WEST + i * 20 * PX, 0, -1, NORTH))
        for i, side in enumerate(sides)
    ]
    return paths, sides, write_bundle(dense_bundle(), folder / "dense.landuse")


def run_halves(halves, folder):
    paths, _, model = halves
    chips = survey_chips(paths, TileOptions(chip_m=CELL, chip_px=8))
    with Progress(len(chips), "chips") as progress:
        return score_chips(chips, ScoreSettings(model, precision="f32", split=7), folder, progress)


def test_only_blocks_whose_windows_touch_a_changed_source_are_done_again(halves, tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "DENSE_BLOCK", 16)
    (west, east), sides, _ = halves
    first = run_halves(halves, tmp_path / "parts").run
    assert (first.computed, first.reused) == (3, 0)
    assert run_halves(halves, tmp_path / "parts").run.reused == 3
    raster(east, sides[1][:, :, ::-1], Affine(1, 0, WEST + 20 * PX, 0, -1, NORTH))
    changed = run_halves(halves, tmp_path / "parts")
    assert (changed.run.computed, changed.run.reused) == (2, 1)
    raster(west, sides[0][:, :, ::-1], Affine(1, 0, WEST, 0, -1, NORTH))
    changed = run_halves(halves, tmp_path / "parts")
    assert (changed.run.computed, changed.run.reused) == (2, 1)
    assert np.array_equal(changed.probabilities, run_halves(halves, tmp_path / "fresh").probabilities)


def test_a_source_counts_for_the_blocks_around_it(halves):
    paths, _, model = halves
    chips = survey_chips(paths, TileOptions(chip_m=CELL, chip_px=8))
    reach = Reach.of(chips.survey, chips.grid, read_bundle(model), 7)
    border = 9020 * 7
    assert reach.margin > 3
    for col, sources in ((border - reach.margin - 8, [0]), (border - reach.margin, [0, 1]), (border + 30, [1])):
        ground = reach.ground(np.array([chips.rows[0]]), np.array([col]))
        assert reach.sources(ground).tolist() == sources
        assert reach.survey.intersection(ground) == ground


def test_windows_are_as_large_as_memory_allows():
    shape = dense_shape(read_bundle(find_bundle("builtin")).backbone, 32, "builtin")
    assert 280_000 < shape.cell_bytes < 310_000  # three maps of 96 channels at half the resolution
    assert most_cells(shape.cell_bytes, 16 << 30) > 100**2
    assert most_cells(shape.cell_bytes, 2 << 30) < 7_000
    assert most_cells(shape.cell_bytes, 1 << 20) > 30**2
