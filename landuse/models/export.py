"""The whole classifier for other programs: preprocessing, network, statistics of the bands, head and calibration in one graph.

OpenVINO's form and SavedModels take images uint8 (n, px, px, bands) and give probabilities float32 (n, K). An ONNX file is made
so that the QGIS plugin Deepness runs it as it is: images float32 (n, bands, px, px) from 0 to 1, and the probabilities of a
chip in each of its pixels, float32 (n, K, px, px).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from landuse.errors import UsageError
from landuse.models.bundle import Bundle
from landuse.models.heads import DenseHead, Head
from landuse.models.keras_backbone import keras_classifier
from landuse.models.libraries import Floats, Graph, Node, ops, ov, tf
from landuse.models.onnx_writer import OnnxModel, onnx_model
from landuse.version import __version__

Format = Literal["onnx", "openvino", "savedmodel"]
SUFFIXES: Mapping[str, str] = MappingProxyType({"onnx": ".onnx", "openvino": ".xml", "savedmodel": ""})
ASSETS = "assets.extra"
"""Where a SavedModel keeps what is not TensorFlow's."""
DESCRIPTION = "landuse.json"
IMAGE, PROBABILITIES = "image", "probabilities"
DOMAIN = "landuse"
"""Under which OpenVINO's form keeps the description."""


def described(bundle: Bundle, chip_m: float) -> dict[str, Any]:
    """What a file says of a model beside its graph, as JSON data; `chip_m` is the ground side of a chip in metres."""
    thresholds = bundle.head.thresholds
    return {
        "model": bundle.name,
        "landuse_version": __version__,
        "digest": bundle.digest,
        "class_names": {str(i): name for i, name in enumerate(bundle.legend.names)},
        "class_codes": list(bundle.legend.codes),
        "bands": list(bundle.bands),
        "input_px": bundle.chip_px,
        "metres_per_pixel": chip_m / bundle.chip_px,
        "multi_label": thresholds is not None,
        "thresholds": [] if thresholds is None else [float(value) for value in thresholds],
    }


def for_deepness(description: Mapping[str, Any]) -> dict[str, Any]:
    """What Deepness reads: a tile is a chip, tiles do not overlap, and no answer is too unsure or too small to be shown."""
    bands, px = len(description["bands"]), description["input_px"]
    return {
        "model_type": "Segmentor",
        "resolution": 100 * description["metres_per_pixel"],  # centimetres a pixel
        "tile_size": px,  # as its code has it
        "tiles_size": px,  # as its manual has it
        "tiles_overlap": 0,
        "standardization_mean": [0.0] * bands,
        "standardization_std": [1.0] * bands,
        "seg_thresh": 0.0,
        "seg_small_segment": 0,
    }


def write_export(bundle: Bundle, form: Format, path: Path, description: Mapping[str, Any]) -> None:
    """Write a model in a form for other programs.

    Args:
        path: the file, or the folder of a SavedModel; OpenVINO's form has a ``.bin`` beside it.

    Raises:
        UsageError: the head or the network cannot be written so.
    """
    if form == "onnx":
        import onnx

        onnx.save_model(onnx_classifier(bundle, description), path)
    elif form == "openvino":
        _write_openvino(bundle, path, description)
    else:
        _write_saved_model(bundle, path, description)


def graph_classifier(bundle: Bundle) -> Graph:
    """An openvino.Model from images uint8 (n, px, px, C) to probabilities float32 (n, K)."""
    graph = bundle.backbone.graph(f"Model {bundle.name}")
    found = probabilities_of(graph.get_results()[0].input_value(0), bundle.head)
    whole = ov.Model([found], graph.get_parameters(), DOMAIN)
    whole.input().set_names({IMAGE})
    whole.output().set_names({PROBABILITIES})
    return whole


def probabilities_of(features: Node, head: Head) -> Node:
    """Probabilities (n, K) of features (n, D), as operations of a graph."""
    *hidden, last = layers_of(head)
    found = features
    for matrix, offset in hidden:
        found = ops.relu(ops.add(ops.matmul(found, matrix, False, False), offset[None]))
    scores = ops.add(ops.matmul(found, last[0], False, False), last[1][None])
    return ops.softmax(scores, 1) if head.thresholds is None else ops.sigmoid(scores)


def layers_of(head: Head) -> list[tuple[Floats, Floats]]:
    """The layers of a head; see `DenseHead.layers`. Raises `UsageError` for one that is not made of layers."""
    if not isinstance(head, DenseHead):
        raise UsageError(
            "The head of the model is a forest, which no format for other programs holds as part of a network: train it with "
            "--head logistic or --head dense."
        )
    return head.layers()


def onnx_classifier(bundle: Bundle, description: Mapping[str, Any]) -> OnnxModel:
    """An ONNX model from images float32 (n, C, px, px) from 0 to 1 to probabilities float32 (n, K, px, px)."""
    graph, px = graph_classifier(bundle), bundle.chip_px
    old = graph.get_parameters()[0]
    batch = bundle.backbone.batch or -1
    image = ops.parameter([batch, bundle.backbone.channels, px, px], np.float32, name=IMAGE)
    whole = ops.round(ops.multiply(image, np.float32(255)), "half_to_even")
    old.output(0).replace(ops.transpose(whole, np.array([0, 2, 3, 1])).output(0))
    answers = ops.unsqueeze(graph.get_results()[0].input_value(0), np.array([2, 3]))
    spread = ops.tile(answers, np.array([1, 1, px, px]))
    found = onnx_model(ov.Model([spread], [image], DOMAIN), IMAGE, PROBABILITIES)
    found.producer_name, found.producer_version = DOMAIN, __version__
    for key, value in {**description, **for_deepness(description)}.items():
        found.metadata_props.add(key=key, value=json.dumps(value))
    return found


def _write_openvino(bundle: Bundle, path: Path, description: Mapping[str, Any]) -> None:
    graph = graph_classifier(bundle)
    for key, value in description.items():
        graph.set_rt_info(json.dumps(value), [DOMAIN, key])
    ov.save_model(graph, path, compress_to_fp16=False)  # what is in half precision stays so, heads are not


def _write_saved_model(bundle: Bundle, path: Path, description: Mapping[str, Any]) -> None:
    layers = layers_of(bundle.head)
    bundle.backbone.built_by(bundle.name)
    model = keras_classifier(bundle, layers)
    image = tf.TensorSpec((None, bundle.chip_px, bundle.chip_px, bundle.backbone.channels), tf.uint8, name=IMAGE)
    module = tf.Module()
    module.model = model
    module.classify = tf.function(lambda batch: {PROBABILITIES: model(batch, training=False)}, input_signature=[image])
    tf.saved_model.save(module, str(path), signatures=module.classify)
    (path / ASSETS).mkdir()
    (path / ASSETS / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf8")
