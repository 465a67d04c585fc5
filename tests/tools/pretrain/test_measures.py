import numpy as np
import pytest
from PIL import Image

from landuse.legend import load_legend
from tools.pretrain.card import class_card, land_use_card
from tools.pretrain.images import ImageSet
from tools.pretrain.landuse_head import Seen, crosswalk, figures, fit_class_head
from tools.pretrain.measure import CITIES, CLASSES, table, unseen_of
from tools.pretrain.probe import five_fold, found_again
from tools.pretrain.shifts import SHIFTS, held_out_shifts, two_dates


def blobs(count=20, classes=4, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, 8))
    labels = np.repeat(np.arange(classes), count)
    return (centres[labels] + spread * rng.normal(size=(len(labels), 8))).astype(np.float32), labels


def test_a_probe_finds_what_can_be_told_apart_and_nothing_else():
    features, labels = blobs()
    assert five_fold(features, labels) > 0.9
    assert five_fold(np.random.default_rng(0).normal(size=features.shape).astype(np.float32), labels) < 0.6


def test_places_are_found_again():
    first = np.random.default_rng(0).normal(size=(10, 6)).astype(np.float32)
    assert found_again(first, 3 * first) == 1
    assert found_again(first, first[::-1]) == 0


def test_the_crosswalk_of_uc_merced_is_stated_twice_and_alike():
    seven, all21 = load_legend("landuse7"), load_legend("ucmerced21")
    assert crosswalk(all21.names, all21) == list(range(21))
    for index, found in zip(crosswalk(all21.names, seven), all21.classes, strict=True):
        assert found.group == (seven.names[index] if index >= 0 else "Harbor")


def source_of(names, cities, px=64):
    rng = np.random.default_rng(0)
    labels = np.array([*np.repeat(np.arange(len(names)), 10), *[-1] * 4 * len(cities)])
    images = np.clip(rng.normal(0, 20, (len(labels), px, px, 3)) + 20 * labels[:, None, None, None] + 60, 0, 255)
    held = (np.arange(len(labels)) % 10 >= 8) & (labels >= 0)
    places = [*["x"] * 10 * len(names), *(f"{city}_{i // 2}" for city in cities for i in range(4))]
    return ImageSet(images.astype(np.uint8), labels, held, tuple(names), tuple(places))


def means(images):
    return np.asarray(images, np.float32).mean(axis=(1, 2)) @ np.eye(3, 6, dtype=np.float32)


def test_measures_of_unseen_sources():
    unseen = unseen_of(source_of(("forest", *CLASSES), CITIES), None)
    assert len(unseen.images) == 10 * len(CLASSES)
    assert len(unseen.first) == len(unseen.second) == 2 * len(CITIES)
    found = unseen.measure(means)
    assert len(found) == 3
    assert all(0 <= value <= 1 for value in found.values())
    assert "| a | " in table({"a": found})


def test_shifts_of_held_out_images():
    source = source_of(("a", "b", "c"), ("town",))
    first, last = two_dates(source)
    assert list(last - first) == [1, 1]
    found = held_out_shifts(source, means(source.images), means)
    assert found["all"].keys() == {*SHIFTS, "place at other date"}
    assert found["all"]["as it is (0.3 m)"] == 1
    assert found["all"]["light x 0.5"] < 1


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_shift_keeps_size_and_type(shift):
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert SHIFTS[shift](image).shape == image.shape
    assert SHIFTS[shift](image).dtype == np.uint8
    assert Image.fromarray(SHIFTS[shift](image))


def test_the_head_of_the_class_folders_and_the_cards():
    features, labels = blobs(count=40)
    held = np.arange(len(labels)) % 5 >= 3
    images = np.zeros((len(labels), 1, 1, 3), np.uint8)
    source = ImageSet(images, labels, held, ("a", "b", "c", "d"), ("x",) * len(labels))
    fitted = fit_class_head(Seen(source, features), features + 0.1, 0.1)
    assert fitted.metrics["images_accuracy"] > 0.9
    metrics = dict(fitted.metrics) | figures("scenes", fitted.head.apply(features), labels)
    metrics |= figures("coarse", fitted.head.apply(features), labels)
    metrics |= {"probe_held_out_accuracy": 0.9, "probe_five_fold_accuracy_of_images_it_has_seen": 0.95}
    for card in (land_use_card(metrics, {"seed": 3}), class_card(metrics, {"seed": 3})):
        assert "- seed: 3" in card
        assert "## Limits" in card
        assert "{" not in card
