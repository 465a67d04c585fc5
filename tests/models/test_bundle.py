import io
import json
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load, save

from landuse.errors import ModelFileError, OutputExistsError, UsageError
from landuse.legend import load_legend
from landuse.models.bundle import MEMBERS, check_model_out, find_bundle, read_bundle, shipped_bundles, write_bundle
from landuse.models.runtime import open_runtime
from tests.models.small import PREPROCESS, backbone, bundle, images

SPEC = {"px": 32, "features": 6, "preprocess": PREPROCESS.model_dump(mode="json")}


@pytest.fixture
def path(tmp_path):
    return write_bundle(bundle(), tmp_path / "small")


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, data, **more):
    """A zip of these members, whose digests are made to fit, as a forger would."""
    import hashlib

    data = data | more
    manifest = json.loads(data["bundle.json"])
    manifest["digests"] = {n: hashlib.sha256(b).hexdigest() for n, b in data.items() if n != "bundle.json"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (data | {"bundle.json": json.dumps(manifest).encode()}).items():
            archive.writestr(name, content)


def change_manifest(path, **values):
    data = members(path)
    rewrite(path, data, **{"bundle.json": json.dumps(json.loads(data["bundle.json"]) | values).encode()})


def test_what_is_written_is_read(path):
    first, again = bundle(), read_bundle(path)
    assert (again.backbone.xml, again.backbone.weights) == (first.backbone.xml, first.backbone.weights)
    assert again.legend == first.legend
    assert again.preprocess == first.preprocess
    assert (again.name, again.chip_px, again.bands) == (first.name, first.chip_px, first.bands)
    assert (again.card, again.training, again.metrics) == (first.card, first.training, first.metrics)
    assert (again.head.weight == first.head.weight).all()
    assert again.head.temperature == first.head.temperature
    assert again.digest == first.digest


def test_the_same_model_gives_the_same_bytes(tmp_path):
    first, second = (write_bundle(bundle(), tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_any_difference_changes_the_digest():
    digests = {bundle().digest, bundle(name="x").digest, bundle(metres_per_pixel=1.0).digest}
    assert len(digests | {bundle(backbone=backbone(1)).digest}) == 4


def test_the_suffix_is_added_and_nothing_else_is_left(tmp_path):
    written = write_bundle(bundle(), tmp_path / "v1.2")
    assert written.name == "v1.2.landuse"
    assert [p.name for p in tmp_path.iterdir()] == ["v1.2.landuse"]


def test_a_failed_write_leaves_the_old_file(tmp_path, path):
    before = path.read_bytes()
    with pytest.raises(ValueError):
        write_bundle(bundle(metrics={"accuracy": float("nan")}), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_find_by_file_and_by_name(path):
    assert find_bundle(path) == path
    for name in shipped_bundles():
        assert find_bundle(name).is_file()
    with pytest.raises(ModelFileError, match=r"\.landuse file"):
        find_bundle("no-such-model")


def test_what_may_be_written_as_a_model(path, tmp_path):
    check_model_out(tmp_path / "new.landuse", fresh=False)
    check_model_out(path, fresh=True)
    with pytest.raises(OutputExistsError, match="--fresh"):
        check_model_out(path, fresh=False)
    with pytest.raises(UsageError, match=r"--out .*new\.landuse\."):
        check_model_out(tmp_path / "new.zip", fresh=True)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"nowhere\.landuse"):
        read_bundle(tmp_path / "nowhere.landuse")


@pytest.mark.parametrize("content", [b"", b"not a zip at all", b"PK\x03\x04" + bytes(40)])
def test_not_a_zip(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFileError):
        read_bundle(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_cut_short(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelFileError):
        read_bundle(path)


def test_any_flipped_byte_is_noticed_or_harmless(path):
    data, sound = path.read_bytes(), read_bundle(path).digest
    for place in range(0, len(data), max(1, len(data) // 150)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        try:
            assert read_bundle(path).digest == sound
        except ModelFileError:
            continue


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_a_member_is_missing(path, name):
    data = members(path)
    del data[name]
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in data.items():
            archive.writestr(member, content)
    with pytest.raises(ModelFileError, match="does not hold"):
        read_bundle(path)


@pytest.mark.parametrize("name", ["../../evil.py", "/etc/passwd", "code.pkl"])
def test_a_member_too_many(path, name):
    rewrite(path, members(path), **{name: b"x"})
    with pytest.raises(ModelFileError, match="does not hold"):
        read_bundle(path)


def test_a_member_of_releases_before_is_passed_over(path):
    lines = {name: np.ones(6, np.float32) for name in ("factor", "offset")}
    rewrite(path, members(path), **{"alignment.safetensors": save(lines)})
    assert read_bundle(path).digest == bundle().digest


@pytest.mark.parametrize("member", ["bundle.json", "backbone.safetensors", "card.md"])
def test_a_zip_bomb_is_not_unpacked(path, member):
    data = members(path) | {member: b"\0" * 30_000_000}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError, match="larger"):
        read_bundle(path)


def test_a_bomb_that_lies_about_its_size(path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (members(path) | {"card.md": b"\0" * 30_000_000}).items():
            archive.writestr(name, content)
    size = (30_000_000).to_bytes(4, "little")
    path.write_bytes(stream.getvalue().replace(size, (50).to_bytes(4, "little")))
    with pytest.raises(ModelFileError):
        read_bundle(path)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"format_version": 1}, "version 1, and this release reads version 2; train it again"),
        ({"format": "other"}, "format"),
        ({"backbone": SPEC | {"px": 100_000}}, "backbone.px"),
        ({"backbone": SPEC | {"features": 10**9}}, "backbone.features"),
        ({"backbone": SPEC | {"architecture": "nosuch"}}, "no network 'nosuch'"),
        ({"backbone": SPEC | {"shipped_in": "../x"}}, "does not ship"),
        ({"backbone": SPEC | {"batch": 10**6}}, "backbone.batch"),
        ({"temperature": 0}, "temperature"),
        ({"bands": ["red", "green"]}, "preprocessing has another number of bands"),
        ({"backbone": {"nodes": "x"}}, "backbone"),
        ({"backbone": SPEC | {"preprocess": {"mean": [0, 0], "std": [1, 1]}}}, "preprocessing"),
        ({"surprise": 1}, "surprise"),
        ({"legend": {"name": "x", "classes": [{"code": 1, "name": "a", "color": "#000000"}]}}, "head"),
    ],
)
def test_a_manifest_that_does_not_fit(path, values, sentence):
    change_manifest(path, **values)
    with pytest.raises(ModelFileError, match=sentence) as caught:
        read_bundle(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"[1, 2]", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_no_json_object(path, text):
    data = members(path) | {"bundle.json": text}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError):
        read_bundle(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers(path, value):
    weights = load(members(path)["backbone.safetensors"])
    name = next(name for name, array in weights.items() if array.dtype == np.float32 and array.size > 1)
    weights[name] = np.full_like(weights[name], value)
    rewrite(path, members(path), **{"backbone.safetensors": save(weights)})
    with pytest.raises(ModelFileError, match=r"backbone\.safetensors .*not finite"):
        read_bundle(path)


def test_a_file_without_its_graph(path):
    data = members(path)
    for name in ("graph.xml", "backbone.safetensors"):
        rewrite(path, {member: content for member, content in data.items() if member != name})
        with pytest.raises(ModelFileError, match=f"does not hold {name}"):
            read_bundle(path)


def test_weights_that_are_no_safetensors(path):
    rewrite(path, members(path), **{"backbone.safetensors": b"\x80\x04\x95 pickle"})
    with pytest.raises(ModelFileError, match="damaged"):
        read_bundle(path)


def test_a_feature_scale_of_zero(path):
    head = {"weight": bundle().head.weight, "bias": bundle().head.bias, "mean": bundle().head.mean}
    rewrite(path, members(path), **{"head.safetensors": save(head | {"scale": np.zeros(6, np.float32)})})
    with pytest.raises(ModelFileError, match="scale"):
        read_bundle(path)


def test_weights_swapped_without_the_digest(path):
    data = members(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (data | {"backbone.safetensors": data["backbone.safetensors"][:-4] + b"\0\0\0\1"}).items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError, match="changed"):
        read_bundle(path)


def test_a_shipped_file_whose_weights_were_tampered_with(tmp_path):
    data = members(find_bundle("builtin"))
    weights = bytearray(data["backbone.safetensors"])
    weights[-1000] ^= 1
    copy = tmp_path / "builtin.landuse"
    with zipfile.ZipFile(copy, "w") as archive:
        for member, content in (data | {"backbone.safetensors": bytes(weights)}).items():
            archive.writestr(member, content)
    with pytest.raises(ModelFileError, match=r"backbone\.safetensors was changed after the model was written"):
        read_bundle(copy)


def test_a_backbone_of_another_shipped_model_must_be_the_one_meant(tmp_path):
    path = write_bundle(bundle(), tmp_path / "m", shipped_in="builtin")
    assert not {"graph.xml", "backbone.safetensors"} & members(path).keys()
    with pytest.raises(ModelFileError, match=r"graph\.xml was changed"):
        read_bundle(path)


@pytest.mark.parametrize("name", ["builtin", "builtin-ucmerced"])
def test_a_shipped_model_is_whole_small_and_answers(name):
    path = find_bundle(name)
    model = read_bundle(path)
    assert model.legend == load_legend({"builtin": "landuse7"}.get(name, "ucmerced21"))
    assert "## Limits" in model.card
    probabilities = open_runtime(model, precision="f32").predict(images(2, px=model.chip_px)).probabilities
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_shipped_models_share_their_backbone_and_are_small_together():
    one, other = (read_bundle(find_bundle(name)) for name in ("builtin", "builtin-ucmerced"))
    assert one.backbone.digest == other.backbone.digest
    assert one.backbone.architecture == "builtin"
    assert sum(find_bundle(name).stat().st_size for name in shipped_bundles()) < 25_000_000
