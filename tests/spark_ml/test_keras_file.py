import io
import json
import zipfile

import h5py
import pytest

from landuse.errors import ModelFileError
from landuse.models.keras_files import check_keras_file

DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}, "registered_name": None}


def weights():
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file["layers/dense/vars/0"] = [1.0]
    return data.getvalue()


def written(path, *layers):
    model = {"module": "keras", "class_name": "Sequential", "config": {"layers": list(layers)}, "registered_name": None}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("model.weights.h5", weights())
    return path


def test_keras_own_layers_pass(tmp_path):
    assert check_keras_file(written(tmp_path / "m.keras", DENSE)) == tmp_path / "m.keras"


@pytest.mark.parametrize(
    "layer",
    [
        DENSE | {"class_name": "Lambda"},
        {"class_name": "__lambda__", "config": {"value": "x"}},
        DENSE | {"class_name": "TFSMLayer", "config": {"filepath": "/somewhere"}},
        DENSE | {"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
        DENSE | {"module": "os", "class_name": "system"},
        DENSE | {"module": "kerasfoo.layers"},
        DENSE | {"module": None, "class_name": "Mine", "registered_name": "mine>Mine"},
        DENSE | {"config": {"activation": {"module": "subprocess", "class_name": "function", "config": "run"}}},
    ],
)
def test_code_of_its_own_is_refused(tmp_path, layer):
    with pytest.raises(ModelFileError, match="only Keras' own layers"):
        check_keras_file(written(tmp_path / "m.keras", DENSE, layer))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"no zip")
    (tmp_path / "m.h5").write_bytes(b"")
    whole = written(tmp_path / "whole.keras", DENSE).read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[:-30])
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("config.json", "{" + '"a":[' * 100_000)
    for name in ("m.keras", "m.h5", "cut.keras", "other.keras", "absent.keras"):
        with pytest.raises(ModelFileError) as raised:
            check_keras_file(tmp_path / name)
        assert "\n" not in str(raised.value)
