import json
import subprocess
import sys
import zipfile

import pytest

from landuse.cli.main import run
from landuse.errors import ModelFileError
from landuse.models.architectures import ARCHITECTURES
from landuse.models.bundle import read_bundle, shipped_bundles, write_bundle
from landuse.stages.catalogue import (
    backbone_rows,
    backbones,
    describe_model,
    figure,
    printable,
    shipped_models,
)
from tests.models.small import bundle


@pytest.fixture
def path(tmp_path):
    return write_bundle(bundle(card="# small\n\nMade of \x1b[31mnothing.\n"), tmp_path / "small")


def test_every_shipped_model_is_listed():
    assert [entry.name for entry in shipped_models()] == list(shipped_bundles())


def test_a_model_is_described_as_it_is_when_read(path):
    entry, model = describe_model(path), read_bundle(path)
    assert entry.classes == model.legend.names
    assert entry.size.features == model.head.feature_count
    assert entry.metrics == model.metrics
    assert entry.file_bytes == path.stat().st_size


def test_the_backbones_are_those_of_the_registry():
    found = {entry.name: entry for entry in backbones()}
    assert list(found) == list(ARCHITECTURES)
    assert found["xception"].size.px == 299
    assert found["vgg16"].size.features == 512
    assert "imagenet" in found["vgg19"].source
    assert "imagenet" not in found["alexnet"].source
    assert {len(row) for row in backbone_rows(backbones())} == {4}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.95, "0.95"), (1200.0, "1,200"), (7, "7"), ("x", "x"), (None, ""), (True, ""), ([1], ""), ({"a": 1}, "")],
)
def test_figures_as_text(value, shown):
    assert figure(value) == shown


def test_what_strangers_wrote_does_not_steer_the_terminal(path, capsys):
    assert printable("a\x1b[2Jb\x07\nc") == "a [2Jb \nc"
    assert run(["models", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "nothing." in printed


def test_a_card_that_was_changed_is_refused(path):
    with zipfile.ZipFile(path) as archive:
        data = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (data | {"card.md": b"# the best\n"}).items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError, match=r"card\.md was changed"):
        describe_model(path)


def test_a_network_that_is_not_sound_is_refused(path):
    with zipfile.ZipFile(path) as archive:
        data = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(data["bundle.json"]) | {"backbone": {"nodes": "x"}}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (data | {"bundle.json": json.dumps(manifest).encode()}).items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError):
        describe_model(path)


def test_models_lists_what_ships_and_what_can_be_had(capsys):
    assert run(["models"]) == 0
    printed = capsys.readouterr().out
    for name in (*shipped_bundles(), *ARCHITECTURES):
        assert name in printed
    for name in shipped_models()[0].classes:
        assert name in printed


def test_the_card_of_a_shipped_model(capsys):
    assert run(["models", "builtin"]) == 0
    assert "## Limits" in capsys.readouterr().out


def test_a_model_that_is_not_there(capsys):
    assert run(["models", "nosuch"]) == 1
    assert "No model 'nosuch'" in capsys.readouterr().err


def test_no_network_is_loaded_to_list_models():
    code = (
        "import sys; from landuse.cli.main import run; run(['models']); print([m for m in sys.modules if '.' not in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("pyspark", "tensorflow", "rasterio", "pandas", "openvino", "sklearn", "pyarrow"):
        assert f"'{heavy}'" not in done.stdout
