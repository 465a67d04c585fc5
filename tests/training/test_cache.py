"""Features by content: found again, never mixed up, bounded, and no trouble where they cannot be kept."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from landuse.errors import LanduseWarning
from landuse.models.runtime import backbone_key
from landuse.training.cache import FeatureCache, cache_folder, content_key, trim
from tests.models import small

KEYS = [content_key(str(i)) for i in range(6)]
FEATURES = np.arange(24, dtype=np.float32).reshape(6, 4)


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "features" / "backbone", 4)


def test_what_was_added_is_found_in_any_order(cache):
    cache.add(KEYS[:3], FEATURES[:3])
    cache.add(KEYS[3:5], FEATURES[3:5])
    order = [4, 0, 5, 2, 0]
    features, found = cache.find([KEYS[i] for i in order])
    assert found.tolist() == [True, True, False, True, True]
    assert np.array_equal(features[found], FEATURES[[4, 0, 2, 0]])
    assert np.isnan(features[2]).all()


def test_an_empty_cache_has_nothing(cache):
    assert not cache.find(KEYS)[1].any()
    assert cache.find([])[0].shape == (0, 4)
    cache.add([], FEATURES[:0])
    assert not cache.folder.exists()


@pytest.mark.parametrize("damage", [b"", b"no safetensors", None])
def test_a_damaged_segment_is_removed(cache, damage):
    cache.add(KEYS[:3], FEATURES[:3])
    (segment,) = cache.folder.iterdir()
    segment.write_bytes(segment.read_bytes()[:-5] if damage is None else damage)
    assert not cache.find(KEYS)[1].any()
    assert not segment.exists()


def test_features_of_another_length_are_not_taken(cache):
    cache.add(KEYS, FEATURES)
    assert not FeatureCache(cache.folder, 5).find(KEYS)[1].any()


def test_the_oldest_go_first(cache):
    for i in range(3):
        cache.add(KEYS[i : i + 1], FEATURES[i : i + 1])
    segments = {path: path.stat().st_size for path in cache.folder.iterdir()}
    for age, oldest in enumerate((1, 0, 2)):
        (path,) = (p for p in segments if load_file(p)["keys"][0].tobytes() == KEYS[oldest])
        os.utime(path, (1000 + age, 1000 + age))
    for name, modified in (("killed.partial", 1000), ("running.partial", time.time())):
        (cache.folder / name).touch()
        os.utime(cache.folder / name, (modified, modified))
    trim(cache.folder.parent, 2 * max(segments.values()))
    assert cache.find(KEYS[:3])[1].tolist() == [True, False, True]
    assert {p.name for p in cache.folder.glob("*.partial")} == {"running.partial"}


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(LanduseWarning, match="not kept"):
        FeatureCache(tmp_path / "file" / "x", 4).add(KEYS, FEATURES)


def test_a_backbone_is_known_by_all_that_shapes_features_and_not_by_its_head():
    bundle = small.bundle()
    key = backbone_key(bundle, "openvino", "f32")
    assert key == backbone_key(replace(bundle, head=small.random_head(6, 3, 9), name="x"), "openvino", "f32")
    rgb = small.PREPROCESS.model_copy(update={"order": "rgb"})
    others = {
        *(
            backbone_key(small.bundle(backbone=b), "openvino", "f32")
            for b in (small.backbone(1), small.backbone(0, rgb))
        ),
        backbone_key(bundle, "tensorflow", "f32"),
        backbone_key(bundle, "openvino", "bf16"),
    }
    assert len(others | {key}) == 5


def test_the_folder_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("LANDUSE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "features"
    monkeypatch.delenv("LANDUSE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "landuse" / "features"
