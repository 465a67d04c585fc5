"""From trained weights to the model file that ships, with its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino as ov

from landuse.bundle import Bundle, write_bundle
from landuse.legend import load_legend
from landuse.models.arrays import Floats, Images, Weights
from landuse.models.backbones import Backbone
from landuse.models.openvino_graph import build_openvino
from landuse.models.pretrain.images import ImageSet
from landuse.models.pretrain.landuse_head import Extract, fit_landuse_head
from landuse.models.pretrain.probe import held_out_accuracy
from landuse.models.pretrain.views import resize

BATCH = 32
LIMITS = """## Limits

- It learnt from one region and one sensor (USGS orthophotos of cities of the United States, 0.3 m), plus views that were
  made from these to look like coarser surveys. Expect it to be wrong elsewhere more often than the figures say.
- Barren is beach, Herbaceous is golf course, Shrub is chaparral: other kinds of these classes were never seen.
- The colours of lakes and fields in the made views were chosen by hand, with one survey of the Northern Plains in view,
  so that survey is no independent test.
- On that survey (5 m), about half of the chips that are mostly water are called Water in one year and a sixth in the
  other, whose lakes have the colour of the crops; most of the rest become Cultivated.
- Classes were given equal weight, Water and Barren less; shares of classes on a map are not areas without a correction.
- The backbone was trained for an hour on two shared processor cores: its features are far below those of networks that
  were trained on ImageNet.
- For a map that matters, train a head on labels of the place: `landuse train`.
"""


def extractor(backbone: Backbone, weights: Weights) -> Extract:
    """Features of uint8 images by OpenVINO, as the shipped model computes them."""
    model = build_openvino(backbone.network, weights, backbone.preprocess, backbone.px)
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def extract(images: Images) -> Floats:
        pieces = [compiled(images[i : i + BATCH])[0].copy() for i in range(0, len(images), BATCH)]
        return np.concatenate(pieces)

    return extract


def ship(backbone: Backbone, weights: Weights, source: ImageSet, training: Mapping[str, object], path: Path) -> Bundle:
    """Fit the land-use head, measure, and write the model file (float16 weights)."""
    rounded = {name: array.astype(np.float16).astype(np.float32) for name, array in weights.items()}
    extract, legend = extractor(backbone, rounded), load_legend("landuse7")
    labelled = source.labels >= 0
    features = extract(np.stack([resize(image, backbone.px) for image in source.images[labelled]]))
    labels, held_out = source.labels[labelled], source.held_out[labelled]
    fitted = fit_landuse_head(source, legend, extract, seed=0)
    metrics = dict(fitted.metrics) | {
        "probe_classes": float(len(source.names)),
        "probe_held_out_accuracy": round(held_out_accuracy(features, labels, held_out), 4),
    }
    bundle = Bundle(
        name="builtin",
        network=backbone.network,
        weights=rounded,
        head=fitted.head,
        legend=legend,
        preprocess=backbone.preprocess,
        chip_px=backbone.px,
        calibration={"method": "temperature", "on": "scenes of half of the held-out images"},
        training={str(key): _plain(value) for key, value in training.items()},
        metrics=metrics,
        card=model_card(metrics, training),
    )
    write_bundle(bundle, path, half=True)
    return bundle


def model_card(metrics: Mapping[str, float], training: Mapping[str, object]) -> str:
    """The card, Markdown."""
    m = {name: f"{value:.1%}" if "_n" not in name else f"{value:.0f}" for name, value in metrics.items()}
    lines = "\n".join(f"- {key}: {value}" for key, value in training.items())
    return f"""# builtin

A compact residual network (2.8 million weights, 384 features, 224 px) with a head for seven classes of land use:
Developed, Barren, Forest, Shrub, Herbaceous, Cultivated, Water. It gives a first map without labels.

## Data and licence

UC Merced Land Use (Yang and Newsam 2010; USGS imagery, public domain) with its labels, and unlabelled crops of NAIP
imagery of California (from urban-tree-detection-data, CC BY 4.0). While it learnt, a MobileNetV1 trained on ImageNet
(Apache 2.0) said what it saw in the same views; no weight of that network is in this one. Harbor is left out. The last
fifth of each class was kept out of all training. The weights are under the package's licence, MIT.

## Training

{lines}

## Figures

Land use, held-out images that neither training nor calibration saw, as they are ({m["images_n"]} images):
{m["images_accuracy"]} right, mean recall of the classes {m["images_mean_recall"]}, calibration error {m["images_ece"]}.
The same images made into scenes at 0.3 to 3 m a pixel ({m["scenes_n"]} views, classes alike):
{m["scenes_accuracy"]} right, calibration error {m["scenes_ece"]}.
Logistic probe of the features, 21 classes, held-out fifth: {m["probe_held_out_accuracy"]}.

Command: `python -m landuse.models.pretrain --help`; docs/backbone.md has the figures and their commands.

{LIMITS}"""


def _plain(value: object) -> str | int | float:
    return value if isinstance(value, str | int | float) else str(value)
