"""The dense grid: what chips say of the cells in their middle, and the same answers whatever the blocks."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine

from landuse.engine.progress import Progress
from landuse.errors import UsageError
from landuse.grid import CellRange
from landuse.models import heads
from landuse.models.bundle import find_bundle, read_bundle, write_bundle
from landuse.models.dense import OpenVinoDense, dense_shape, overlaps
from landuse.models.learnt_features import SurveyFeatures
from landuse.models.libraries import ops
from landuse.models.quantisation import measure, unmeasured
from landuse.models.runtime import OpenVinoRuntime
from landuse.mosaic.survey import Recolouring
from landuse.options.results import DiffOptions
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.scoring import ScoreSettings, score_chips
from landuse.scoring import plan as planning
from landuse.scoring.colours import Colours
from landuse.scoring.dense_ground import Reach, chips_around, split_of
from landuse.stages.classify import classify, run_of
from landuse.stages.diff import diff
from landuse.stages.survey import on_earlier, score_settings, survey_chips
from landuse.stages.tile import tile
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


def squeezed():
    """A network with squeeze-and-excite, a mean of whole maps in its middle; its map has 13 positions along a chip."""
    layers = small.Layers()
    image, found = small.image_of(PX)
    found = layers.conv(found, 8)
    found = ops.multiply(found, ops.sigmoid(layers.conv(small.means(found, keep=True), 8, 1, 1)))
    found = layers.conv(layers.conv(found, 6), 6, 2, 1, pad="valid")
    found = layers.conv(small.means(found, keep=True), 5, 1, 1)
    return small.made(ops.reshape(found, np.array([-1, 5]), False), image)


def of_a_channel_last():
    """A network whose map has its channels last, and layers behind its pooling."""
    layers = small.Layers(2)
    image, found = small.image_of(PX)
    for _ in range(3):
        found = ops.relu(layers.conv(found, 6))
    pooled = ops.reduce_mean(ops.transpose(found, np.array([0, 2, 3, 1])), np.array([1, 2]), False)
    return small.made(ops.tanh(ops.matmul(pooled, layers.constant(6, 4, spread=0.5), False, False)), image)


@pytest.mark.parametrize("name", ["builtin", "squeezed", "channels last"])
def test_the_cells_of_a_chip_together_say_what_the_chip_says(name):
    if name == "builtin":
        bundle = read_bundle(find_bundle(name))
    else:
        backbone = squeezed() if name == "squeezed" else of_a_channel_last()
        head = small.random_head(backbone.features, 3)
        several = replace(head, thresholds=heads.halves(3))  # which is applied outside of the graph
        bundle = small.bundle(backbone=backbone, head=head if name == "squeezed" else several)
    px = bundle.chip_px
    images = np.random.default_rng(0).integers(0, 256, (2, px, px, 3), dtype=np.uint8)
    shape = dense_shape(bundle.backbone, px / 7, name)
    dense, chips = OpenVinoDense(bundle, shape, "f32"), OpenVinoRuntime(bundle, "f32").predict(images)
    (maps,) = dense.maps(iter([images]))
    assert maps.shape == (2, shape.found.channels, 7, 7)
    answers = [dense.cells(found, np.ones((7, 7), bool)) for found in maps]
    features = np.concatenate([answer.features for answer in answers])
    assert np.allclose(features, chips.features, rtol=1e-3, atol=1e-4 * np.abs(chips.features).max())
    probabilities = np.concatenate([answer.probabilities for answer in answers])
    assert np.abs(probabilities - chips.probabilities).max() < 1e-4


def test_cells_in_8_bits_say_what_chips_in_8_bits_do():
    images = np.random.default_rng(1).integers(0, 256, (2, PX, PX, 3), dtype=np.uint8)
    ranges = measure(dense_bundle().backbone.graph(), "dense", [images]).ranges(0.5)
    bundle = dense_bundle(quantisation=unmeasured(ranges))
    dense = OpenVinoDense(bundle, dense_shape(bundle.backbone, CELL, "dense"), "int8")
    assert dense.precision == "int8"
    (maps,) = dense.maps(iter([images]))
    found = np.concatenate([dense.cells(one, np.ones((7, 7), bool)).features for one in maps])
    told, plain = (OpenVinoRuntime(bundle, precision).predict(images).features for precision in ("int8", "f32"))
    assert np.abs(found - told).max() < 0.1 * np.abs(plain - told).max()


@pytest.mark.parametrize("hole", [False, True])
def test_the_cell_in_the_middle_of_a_chip_says_what_the_chip_says(tmp_path, hole):
    here = place(tmp_path, hole=hole)
    cells, chips = cells_of(here), survey_chips([here.survey], here.options())
    found = scored(here, cells, tmp_path / "a")
    with Progress(len(chips), "chips") as progress:
        whole = score_chips(chips, ScoreSettings(here.model, precision="f32"), tmp_path / "b", progress).probabilities
    middle = (cells.rows % 7 == 3) & (cells.cols % 7 == 3)
    of_chip = dict(zip(zip(chips.rows.tolist(), chips.cols.tolist(), strict=True), whole, strict=True))
    asked = zip((cells.rows[middle] // 7).tolist(), (cells.cols[middle] // 7).tolist(), strict=True)
    far = {chip: np.abs(said - of_chip[chip]).max() for chip, said in zip(asked, found[middle], strict=True)}
    assert len(far) == len(chips) == 30 - 2 * hole
    assert max(far.values()) < 1e-4
    assert whole.std(axis=0).min() > 0.01  # chips are told apart at all


@pytest.mark.parametrize("block", [16, 32, 48])
def test_answers_do_not_depend_on_the_blocks(here, tmp_path, monkeypatch, block):
    chips = cells_of(here)
    whole = scored(here, chips, tmp_path / "a")
    monkeypatch.setattr(planning, "DENSE_BLOCK", 16)
    monkeypatch.setattr(ScoreSettings, "span", property(lambda self: block))
    assert np.isfinite(whole).all()
    assert np.abs(scored(here, chips, tmp_path / "b") - whole).max() < 1e-5
    assert whole.std(axis=0).min() > 0.01  # cells are told apart at all


def test_ground_without_imagery_spoils_no_answer_and_no_layout(tmp_path, monkeypatch):
    here = place(tmp_path, hole=True)
    chips = cells_of(here)
    assert len(chips) < 35 * 42
    whole = scored(here, chips, tmp_path / "a")
    monkeypatch.setattr(ScoreSettings, "span", property(lambda self: 16))
    assert np.isfinite(whole).all()
    assert np.abs(scored(here, chips, tmp_path / "b") - whole).max() < 1e-5


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_spark_says_what_the_inline_runner_says(here, tmp_path):
    chips = cells_of(here)
    inline = scored(here, chips, tmp_path / "a")
    assert np.abs(scored(here, chips, tmp_path / "b", master="local[2]") - inline).max() < 1e-4


def test_cells_by_a_head_brought_to_their_survey_say_what_chips_say(tmp_path, monkeypatch):
    monkeypatch.setattr("landuse.models.learnt_features.MOST_APART", 1.0)  # the classes of random heads move far
    here = place(tmp_path, rows=6, cols=6)
    chips = survey_chips([here.survey], here.options())
    with Progress(len(chips), "chips") as progress:
        known = score_chips(chips, ScoreSettings(here.model, features=True), tmp_path / "parts", progress)
    learnt = SurveyFeatures.of(known.features, known.probabilities.argmax(axis=1), 3)
    model = write_bundle(dense_bundle(survey_features=learnt), tmp_path / "m")
    darker = np.broadcast_to((np.arange(256) * 0.6).astype(np.uint8), (3, 256))
    light = Colours(Recolouring((darker.tobytes(),), (0,)), "Dark.")
    monkeypatch.setattr("landuse.stages.classify.colours_for", lambda *_: light)
    found, colours = {}, {}
    for split in (1, 7):
        options = ClassifyOptions(model=str(model), cell=SIDE / split, precision="f32", **here.lattice)
        settings = score_settings(model, [here.survey], tmp_path / "map", options)
        run, colours[split] = run_of([here.survey], options, settings, tmp_path / f"parts{split}")
        for strip in run.strips():
            middle = (strip.chips.rows % split == split // 2) & (strip.chips.cols % split == split // 2)
            places = zip(*((at[middle] // split).tolist() for at in (strip.chips.rows, strip.chips.cols)), strict=True)
            found.setdefault(split, {}).update(zip(places, strip.columns["probabilities"][middle], strict=True))
    assert colours[1] == colours[7]
    assert colours[7].chips == len(chips) == len(found[7])
    assert max(np.abs(found[7][chip] - said).max() for chip, said in found[1].items()) < 1e-4


def test_positions_of_a_map_are_shared_out_among_cells():
    assert np.allclose(overlaps(2, 3), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    assert np.allclose(overlaps(7, 14), np.repeat(np.eye(7), 2, axis=1) / 2)
    assert np.allclose(overlaps(7, 13).sum(axis=1), 1)
    assert np.allclose(overlaps(7, 13).sum(axis=0), 7 / 13)  # so the mean of the cells is that of the map


def test_chips_around_cells_are_those_that_their_chips_lie_on():
    rows, cols = CellRange(3, 4, 3, 4).arrays()
    assert [found.tolist() for found in chips_around(rows, cols, 7)] == [[0], [0]]
    assert [found.tolist() for found in chips_around(rows + 1, cols - 1, 7)] == [[1, 1, 0, 0], [-1, 0, -1, 0]]
    block = CellRange(-224, 0, 448, 672).arrays()
    assert [(min(found), max(found)) for found in chips_around(*block, 7)] == [(-33, 0), (63, 96)]
    assert len(chips_around(*block, 7)[0]) == 34**2


def seven_of_72():
    """A network of chips of 72 pixels with a map of 7 positions."""
    layers = small.Layers()
    image, found = small.image_of(72)
    for _ in range(3):
        found = layers.conv(found, 4)
    return small.made(small.means(layers.conv(found, 4, stride=1, pad="valid")), image)


def without_a_pooling():
    """A network that flattens its map."""
    layers = small.Layers()
    image, found = small.image_of(PX)
    for _ in range(3):
        found = layers.conv(found, 4)
    flat = ops.reshape(found, np.array([-1, 4 * 49]), False)
    return small.made(ops.matmul(flat, layers.constant(4 * 49, 5), False, False), image)


def test_networks_that_cannot_are_refused_in_a_sentence():
    bundle = dense_bundle()
    with pytest.raises(UsageError, match="56 pixels a side, which do not make an odd number"):
        dense_shape(bundle.backbone, 28, "dense")
    with pytest.raises(UsageError, match=r"one pooling"):
        dense_shape(without_a_pooling(), 8, "flat")
    with pytest.raises(UsageError, match="7 positions along a chip, fewer than the 9 cells"):
        dense_shape(seven_of_72(), 8, "coarse")
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
    tile([here.survey], tmp_path / "chips", TileOptions(**here.lattice))
    classify([tmp_path / "chips"], tmp_path / "of_chips", ClassifyOptions(model=str(here.model), cell=CELL))
    assert on_earlier(TileOptions(like=tmp_path / "of_chips")).chip_m == SIDE
    for cell in (None, CELL):
        with pytest.raises(UsageError, match=rf"one is a map of cells of {CELL:g} m, each judged by a whole chip"):
            classify([tmp_path / "one"], tmp_path / "again", ClassifyOptions(model=str(here.model), cell=cell))


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
    assert np.abs(scores.probabilities[far] - whole[far]).max() < 1e-5


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


def test_only_blocks_that_read_a_changed_source_are_done_again(halves, tmp_path, monkeypatch):
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
    paths, _, _ = halves
    chips = survey_chips(paths, TileOptions(chip_m=CELL, chip_px=8))
    reach = Reach.of(chips.survey, chips.grid, 7)
    border = 9020 * 7
    for col, sources in ((border - 18, [0]), (border - 4, [0, 1]), (border + 3, [0, 1]), (border + 18, [1])):
        assert reach.sources(np.array([chips.rows[0]]), np.array([col])).tolist() == sources
