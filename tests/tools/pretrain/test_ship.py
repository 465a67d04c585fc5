from pathlib import Path

import pytest

from landuse.models.bundle import read_bundle
from landuse.training.sample_marks import SampleMarks, file_marks
from tests.models import small
from tests.tools.pretrain.test_sources import folders
from tools.pretrain.ship import Data, ship
from tools.pretrain.unseen import Unseen

CLASSES = {
    "ucmerced": ("agricultural", "beach", "forest", "harbor"),
    "nwpu": ("farmland", "beach", "forest", "mountain"),
    "eurosat": ("AnnualCrop", "River", "Forest"),
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    root = tmp_path_factory.mktemp("ship")
    found = {name: folders(root / name, names, each=10) for name, names in CLASSES.items()}
    data = Data(Path("trunk"), found, Unseen(), root / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.pretrain.ship.read_trunk", lambda path: {})
        patch.setattr("tools.pretrain.ship.named_backbone", lambda architecture, weights: small.backbone())
        written = ship(data)
    return root / "out", written


def test_two_models_that_share_a_backbone(shipped, monkeypatch):
    out, written = shipped
    monkeypatch.setattr("landuse.models.bundle.WEIGHTS_FOLDER", out)
    for bundle in written:
        read = read_bundle(out / f"{bundle.name}.landuse")
        assert read.legend == bundle.legend
        assert read.metrics == bundle.metrics
        assert read.backbone.digest == bundle.backbone.digest
        assert "## Limits" in read.card


def test_the_card_says_what_was_learnt_and_what_was_held_out(shipped):
    _, (land_use, _) = shipped
    assert land_use.training["ucmerced, plain"] == 24
    assert "| UC Merced, by a head that learnt from the other two collections |" in land_use.card
    assert 0 <= land_use.metrics["without_eurosat_ece"] <= 1


def test_a_second_run_takes_features_from_the_first(shipped):
    out, _ = shipped
    assert {path.stem for path in (out / "features").glob("*.npz")} == {
        "ucmerced_plain", "ucmerced_lit", "ucmerced_coarse", "ucmerced_far", "ucmerced_left_out",
        "nwpu_plain", "nwpu_lit", "eurosat_plain", "eurosat_lit",
    }  # fmt: skip


def test_the_images_that_were_learnt_from_are_known_again(shipped):
    out, written = shipped
    for bundle, name in zip(written, ("nwpu/beach", "ucmerced/harbor"), strict=True):
        learnt = SampleMarks.of(bundle.training)
        known = learnt.holds(file_marks(sorted((out.parent / name).iterdir())))
        assert known.tolist() == [True] * 8 + [False] * 2  # the last fifth is held out
    assert "sample_marks" not in written[0].card
