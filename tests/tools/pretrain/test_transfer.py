import numpy as np
import pytest

from landuse.legend import load_legend
from tools.pretrain.images import ImageSet
from tools.pretrain.places import MIXED, SEEN, classes_of
from tools.pretrain.transfer import (
    TIMES,
    Source,
    coarse_images,
    judge_features,
    judge_head,
    plain_head,
    sources_of,
    transposed,
)

LEGEND = load_legend("landuse7")
FOLDERS = load_legend("ucmerced21").names


@pytest.fixture(scope="module")
def source():
    rng = np.random.default_rng(0)
    labels = np.array([*np.repeat(np.arange(21), 10), -1, -1, -1])
    level = 10 * (labels[:, None, None, None] + 2)
    images = np.clip(rng.normal(0, 3, (len(labels), 32, 32, 3)) + level, 0, 255).astype(np.uint8)
    held = (np.arange(len(labels)) % 10 >= 8) & (labels >= 0)
    places = (*["x"] * 210, "eureka_7", "chico_1", "bishop_0")
    return ImageSet(images, labels, held, FOLDERS, places)


def levels(images):
    """Which of 24 levels the mean of an image is nearest to."""
    mean = images.reshape(len(images), -1).mean(axis=1)
    return np.exp(-(((mean[:, None] - 10 * np.arange(24)) / 4) ** 2)).astype(np.float32)


def test_places_have_one_reading_each():
    listed = [place for places in SEEN.values() for place in places.split()] + MIXED.split()
    assert len(listed) == len(set(listed))
    assert set(SEEN) < set(LEGEND.names)
    found = classes_of(["eureka_7", "chico_1", "bishop_0"], LEGEND.names)
    assert list(found) == [LEGEND.names.index("Forest"), LEGEND.names.index("Developed"), -1]


def test_features_are_probed_and_a_plain_head_is_judged(source):
    features = levels(source.images[:210])
    found = judge_features(source, features, {times: levels(of) for times, of in coarse_images(source).items()})
    assert list(found) == ["held-out fifth", *(f"10 classes, {times} x" for times in TIMES)]
    assert min(found.values()) > 0.9
    head = plain_head(source, features, LEGEND)
    sources = sources_of(source, LEGEND, None, None)
    assert len(sources["held out 1 x"].images) == 2 * 20  # harbor is left out
    assert len(sources["places"].images) == 2  # one is mixed
    judged = judge_head(head.apply, {name: levels(of.images) for name, of in sources.items()}, sources, LEGEND)
    assert judged["held out 1 x, accuracy"] > 0.7  # the share of the commonest class
    assert 0 <= judged["places, ece"] <= 1


def test_water_is_counted_where_it_is_known_to_be():
    water = np.array([0.9, 0.9, 0.05, 0.0, 0.4], np.float32)
    lakes = Source(np.zeros((5, 4, 4, 3), np.uint8), np.empty(0, np.int64), water)
    answers = np.full((5, 7), 0.1, np.float32)
    answers[[0, 2, 4], LEGEND.names.index("Water")] = 0.9
    found = judge_head(lambda _: answers, {"lakes": np.zeros((5, 1))}, {"lakes": lakes}, LEGEND)
    assert found == {"lakes, water found": 0.5, "lakes, land called water": 0.5}


def test_the_table_has_a_line_a_measure():
    shown = transposed({"one": {"a": 0.5}, "two": {"a": 0.25, "b": 1.0}})
    assert shown.splitlines()[2:] == ["| a | 50.0% | 25.0% |", "| b |  | 100.0% |"]
