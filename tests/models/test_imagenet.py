import hashlib

import pytest

from landuse.errors import ModelFileError, UsageError
from landuse.models import imagenet
from landuse.models.imagenet import PUBLISHED, Published, imagenet_file

BODY = b"weights" * 1000


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A published file on this disk, and an empty cache."""
    source = tmp_path / "there" / "w_notop.h5"
    source.parent.mkdir()
    source.write_bytes(BODY)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(imagenet, "PUBLISHED", {"net": Published(source.as_uri(), hashlib.md5(BODY).hexdigest())})
    return source


def test_downloaded_once_into_the_cache_of_keras(published, tmp_path):
    path = imagenet_file("net")
    assert path == tmp_path / "keras/models/w_notop.h5"
    assert path.read_bytes() == BODY
    published.unlink()
    assert imagenet_file("net") == path


def test_a_damaged_file_in_the_cache_is_fetched_again(published):
    path = imagenet_file("net")
    path.write_bytes(BODY[:-1])
    assert imagenet_file("net").read_bytes() == BODY


def test_a_file_of_another_digest_is_refused_and_not_kept(published, tmp_path):
    published.write_bytes(b"changed")
    with pytest.raises(ModelFileError, match="digest"):
        imagenet_file("net")
    assert not list((tmp_path / "keras/models").iterdir())


def test_without_a_network_one_sentence_names_the_file_and_the_flag(published, monkeypatch, tmp_path):
    gone = Published("http://127.0.0.1:9/models/w_notop.h5", "0" * 32)  # nothing listens at this port
    monkeypatch.setattr(imagenet, "PUBLISHED", {"net": gone})
    with pytest.raises(ModelFileError) as caught:
        imagenet_file("net")
    assert "http://127.0.0.1:9/models/w_notop.h5" in str(caught.value)
    assert str(caught.value).endswith("give it with --weights w_notop.h5.")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "keras/models").iterdir())


def test_a_backbone_that_keras_has_not():
    with pytest.raises(UsageError, match="squeezenet: give a file with --weights FILE"):
        imagenet_file("squeezenet")


@pytest.mark.parametrize("name", PUBLISHED)
def test_addresses_and_digests_are_those_of_the_installed_keras(name):
    from importlib.util import find_spec
    from pathlib import Path

    module = {"resnet50": "resnet", "inceptionv3": "inception_v3"}.get(name, name)
    folder = Path(find_spec("keras").submodule_search_locations[0])  # read, not imported
    text = "".join(line.strip() for line in (folder / f"src/applications/{module}.py").read_text().splitlines())
    assert PUBLISHED[name].md5 in text
    assert PUBLISHED[name].url.rpartition("/")[0] in text.replace('""', "")
    assert PUBLISHED[name].file_name.removeprefix(name) in text.replace('""', "").replace("{weights_name}", "")
