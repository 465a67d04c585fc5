"""Two looks of one place are told from looks of two places, from nothing but a pair of surveys."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine

from landuse.change.classwise import Classwise
from landuse.change.pair import SurveyPair
from landuse.change.pixels import components_beside
from landuse.change.same_place import MOST, SamePlace, changed_by
from landuse.errors import DamagedSourceError
from landuse.models.learnt_features import to_bytes
from landuse.outputs.cog import Place, components_cog
from tests.made import UTM

LINES, COLUMNS, CHANGED = 30, 30, 20


def made(seed=0, classes=3, width=8):
    """Places whose later look is the earlier one in other light, but for some that are now as another place was."""
    rng = np.random.default_rng(seed)
    lines, columns = np.indices((LINES, COLUMNS)).reshape(2, -1)
    count = len(lines)
    kind = rng.integers(0, classes, count)
    place = rng.normal(size=(count, width)) + 2 * np.eye(classes, width)[kind]
    changed = np.zeros(count, bool)
    changed[rng.choice(count, CHANGED, replace=False)] = True
    other = rng.permutation(count)
    now = np.where(changed[:, None], place[other], place)
    light = rng.normal(size=(width, width)) + 2 * np.eye(width)
    looks = np.stack(
        [place + 0.3 * rng.normal(size=place.shape), now @ light + 0.3 * rng.normal(size=place.shape)], axis=1
    )
    sure = np.full((count, classes), 0.1) + 0.7 * np.eye(classes)[kind]
    labels = np.stack([kind, np.where(changed, kind[other], kind)], axis=1)
    seen = to_bytes((0.3 * looks).astype(np.float32))
    pair = SurveyPair(sure, np.full((count, classes), 1 / classes), lines, columns, labels, seen)
    return pair, changed & (labels[:, 0] != labels[:, 1])


def test_changed_places_stand_out_though_light_turns_all_numbers():
    pair, changed = made()
    odds = SamePlace.fitted(pair).log_odds(pair)
    assert np.median(odds[~changed]) < 0
    assert np.median(odds[changed]) > 2
    assert np.abs(odds).max() <= MOST


def test_what_is_said_of_a_cell_hangs_on_no_other_cell_of_its_block():
    pair, _ = made()
    found = SamePlace.fitted(pair)
    some = np.random.default_rng(1).random(len(pair)) < 0.3
    np.testing.assert_allclose(found.log_odds(pair.take(some)), found.log_odds(pair)[some])


def test_a_place_does_not_judge_itself():
    """One wild pair of looks shapes what is said of the others of its fold as little as of itself."""
    pair, _ = made()
    looks = pair.components.copy()
    looks[0, 1] = [1, 255] * 4
    odd = SamePlace.fitted(replace(pair, components=looks))
    assert odd.log_odds(replace(pair, components=looks))[0] == MOST


@pytest.mark.parametrize("why", ["none", "few", "missing", "alike"])
def test_without_anything_to_learn_from_there_is_nothing(why):
    pair, _ = made()
    few = pair.take(slice(0, 40))
    missing = replace(pair, components=np.zeros_like(pair.components))
    alike = replace(pair, labels=np.zeros_like(pair.labels))
    without = replace(pair, components=None)
    assert SamePlace.fitted({"none": without, "few": few, "missing": missing, "alike": alike}[why]) is None


def test_a_component_that_never_varies_is_no_trouble():
    pair, changed = made()
    looks = pair.components.copy()
    looks[:, 1, 2], looks[:, :, 5] = 128, 255
    odds = SamePlace.fitted(replace(pair, components=looks)).log_odds(replace(pair, components=looks))
    assert odds[changed].mean() > 1 > 0 > np.median(odds)


def test_one_map_beside_itself_has_not_changed():
    pair, _ = made()
    looks = np.repeat(pair.components[:, :1], 2, axis=1)
    twice = replace(pair, components=looks)
    assert (SamePlace.fitted(twice).log_odds(twice) < 0).mean() > 0.95


def test_a_cell_without_components_keeps_its_odds():
    pair, _ = made()
    found, looks = SamePlace.fitted(pair), pair.components.copy()
    looks[3] = 0
    assert found.log_odds(replace(pair, components=looks))[3] == 0
    assert (found.log_odds(replace(pair, components=None)) == 0).all()


def test_odds_of_every_change_are_raised_alike():
    joint = np.random.default_rng(0).dirichlet(np.ones(9), 5).reshape(5, 3, 3)
    raised = changed_by(joint, np.full(5, np.log(2.0)))
    stay = [np.trace(values, axis1=1, axis2=2) for values in (joint, raised)]
    np.testing.assert_allclose((1 - stay[1]) / stay[1], 2 * (1 - stay[0]) / stay[0])
    np.testing.assert_allclose(raised[:, 0, 1] / raised[:, 2, 1], joint[:, 0, 1] / joint[:, 2, 1])


def test_the_default_method_finds_by_them_what_classes_cannot_show():
    pair, changed = made()
    after = pair.after.copy()
    after[:] = 0.5 * after + 0.5 * pair.before
    pair = replace(pair, after=after / after.sum(axis=1, keepdims=True))
    with_looks, without = (Classwise().fit(some).apply(some).change for some in (pair, replace(pair, components=None)))
    assert with_looks[changed].mean() > 3 * with_looks[~changed].mean()
    assert with_looks[changed].mean() / with_looks.mean() > 2 * without[changed].mean() / without.mean()


NORTH_UP = Affine(224, 0, 448_000, 0, -224, 4_480_000)


def components_file(path, shape=(5, 4), count=3):
    values = np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)
    with components_cog(path, Place(UTM, NORTH_UP, shape), count) as writer:
        writer.write(values, 0, 0)
    return values


def test_components_are_read_in_windows(tmp_path):
    values = components_file(tmp_path / "components.tif")
    found = components_beside(tmp_path / "components.tif", (5, 4), NORTH_UP)
    assert found.count == 3
    assert np.array_equal(found.read(slice(0, 3), slice(0, 2)), values[:, :3, :2])
    assert components_beside(tmp_path / "none.tif", (5, 4), NORTH_UP) is None


@pytest.mark.parametrize("damage", ["other shape", "elsewhere", "cut", "too many"])
def test_components_that_do_not_belong_to_the_map_are_refused(tmp_path, damage):
    path = tmp_path / "components.tif"
    components_file(path, count=40 if damage == "too many" else 3)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:60])
    shape = (4, 4) if damage == "other shape" else (5, 4)
    place = NORTH_UP @ Affine.translation(1, 0) if damage == "elsewhere" else NORTH_UP
    with pytest.raises(DamagedSourceError, match="components"):
        components_beside(path, shape, place)
