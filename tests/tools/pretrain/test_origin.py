from pathlib import Path

import numpy as np
import pytest

from landuse.errors import ModelFileError, UsageError
from tools.pretrain.data import _two
from tools.pretrain.origin import read_origin

WEIGHTS = Path(__file__).parents[3] / "../shared/data/weights"
MOBILENET = WEIGHTS / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
SQUEEZENET = WEIGHTS / "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"


@pytest.mark.skipif(not MOBILENET.exists(), reason="the teachers are not here")
def test_the_start_sees_what_its_teachers_see():
    from landuse.models.architectures import find_architecture
    from landuse.models.bundle import find_bundle, read_bundle
    from landuse.models.conversion import named_backbone
    from landuse.models.keras_weights import load_keras_weights
    from tools.pretrain.features import builtin_extractor, extractor, teacher_extractor

    start = read_origin(MOBILENET, SQUEEZENET)
    coarse = np.random.default_rng(0).integers(0, 256, (3, 14, 14, 3), dtype=np.uint8)
    images = np.repeat(np.repeat(coarse, 16, axis=1), 16, axis=2)
    seen = builtin_extractor(start)(images)
    line = find_architecture("squeezenet")  # its borders differ, so likeness is all that can be asked
    wanted = extractor(named_backbone(line, load_keras_weights(SQUEEZENET, line), 224))(images)
    assert likeness(seen[:, :1024], teacher_extractor(MOBILENET)(images)) > 0.98
    assert likeness(seen[:, 1024:1536], wanted) > 0.95
    shipped = read_bundle(find_bundle("builtin")).backbone.variables("builtin")
    assert shipped.keys() == start.keys()
    assert not any((shipped[name] == start[name].astype(np.float16)).all() for name in start)


def likeness(one, other):
    """Least cosine of a row."""
    return float(((one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)).min())


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"no network")
    with pytest.raises(ModelFileError, match="get it again"):
        read_origin(path, path)


def test_teachers_are_told_apart_by_their_suffix():
    mobile, squeeze = Path("a.tflite"), Path("b.h5")
    assert _two((squeeze, mobile)) == (mobile, squeeze)
    for given in ((mobile,), (mobile, mobile), (mobile, squeeze, squeeze)):
        with pytest.raises(UsageError, match="twice"):
            _two(given)
