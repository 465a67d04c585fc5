import numpy as np

from landuse.legend import load_legend
from landuse.models.architectures import ARCHITECTURES, Architecture
from landuse.models.bundle import read_bundle
from landuse.models.preprocess import SIGNED
from tests.tools.pretrain.test_student import narrow
from tools.pretrain.images import ImageSet
from tools.pretrain.ship import Shipment, ship
from tools.pretrain.water import Lakes


def test_two_models_that_share_a_backbone(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.pretrain.landuse_head.SCENES_A_CLASS", 3)
    monkeypatch.setattr("tools.pretrain.landuse_head.HELD_SCENES_A_CLASS", 2)
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(21), 10)
    images = np.clip(rng.normal(120, 20, (210, 256, 256, 3)) + 4 * labels[:, None, None, None] - 40, 0, 255)
    held = np.arange(210) % 10 >= 6
    source = ImageSet(images.astype(np.uint8), labels, held, load_legend("ucmerced21").names, ("x",) * 210)
    lakes = Lakes(images[:8].astype(np.uint8), np.array([0.9, 0.9, 0.9, 0.3, 0.0, 0.0, 0.0, 0.01], np.float32))
    from landuse.models import own_networks
    from landuse.models.keras_networks import initial_weights

    line = Architecture("narrow", "narrow", 224, SIGNED, 8, own=True)
    monkeypatch.setattr(own_networks, "narrow", narrow, raising=False)
    monkeypatch.setitem(ARCHITECTURES, "narrow", line)
    written = ship(Shipment(line, initial_weights(line), {"seed": 0}), source, lakes, tmp_path)
    monkeypatch.setattr("landuse.models.bundle.WEIGHTS_FOLDER", tmp_path)
    for bundle in written:
        read = read_bundle(tmp_path / f"{bundle.name}.landuse")
        assert read.legend == bundle.legend
        assert read.metrics == bundle.metrics
        assert read.training == {"seed": 0}
        assert read.backbone.digest == bundle.backbone.digest
        assert 0 <= read.metrics["images_accuracy"] <= 1
    assert (tmp_path / "builtin.landuse").exists()
    assert {"images_accuracy", "coarse_accuracy", "scenes_accuracy"} <= written[0].metrics.keys()
