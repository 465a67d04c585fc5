"""Where the backbone starts from: MobileNetV1 and SqueezeNet 1.1, both trained on ImageNet."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from landuse.errors import ModelFileError
from landuse.models.architectures import find_architecture
from landuse.models.arrays import Floats, Weights
from landuse.models.keras_weights import load_keras_weights
from landuse.models.preprocess import CAFFE, SIGNED

_LAYER = re.compile(
    r"Conv2d_(\d+)(_depthwise|_pointwise)?/(weights_quant/FakeQuantWithMinMaxVars|BatchNorm_Fold/bias)$"
)


def read_origin(mobilenet: Path, squeezenet_file: Path) -> Weights:
    """Weights of the built-in network that give the features of its two teachers."""
    from landuse.models.own_networks import MOBILE, SQUEEZE

    of_mobile = {f"{MOBILE}{name}": array for name, array in mobilenet_weights(mobilenet).items()}
    of_squeeze = {f"{SQUEEZE}{name}": array for name, array in squeezenet_weights(squeezenet_file).items()}
    return with_far(of_mobile | of_squeeze)


def with_far(weights: Weights) -> Weights:
    """Weights of the two near branches, and those of the first copied to the branch that sees from further away."""
    from landuse.models.own_networks import FAR, LAST_FAR, MOBILE

    names = [f"{MOBILE}conv{index}" for index in range(LAST_FAR + 1)]
    copied = {
        f"{FAR}{name.removeprefix(MOBILE)}": array
        for name, array in weights.items()
        if name.partition("/")[0].removesuffix("_depthwise").removesuffix("_pointwise") in names
    }
    return weights | copied


def mobilenet_weights(path: Path) -> Weights:
    """MobileNetV1 of a TFLite file with uint8 weights: real value = scale * (stored - zero point), as float32.

    Raises:
        ModelFileError: the file is no such network.
    """
    import tensorflow as tf

    plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        reader = tf.lite.Interpreter(str(path), experimental_op_resolver_type=plain)
        reader.allocate_tensors()
    except ValueError as error:
        raise ModelFileError(f"{path} is no TFLite file that can be read: get it again.") from error
    weights: Weights = {}
    for tensor in reader.get_tensor_details():
        layer = _LAYER.search(tensor["name"])
        is_bias = layer is not None and "bias" in layer[3]
        if layer is None or (is_bias and len(tensor["shape"]) != 1):
            continue  # activations carry the name of the bias that was added to them
        scale, zero = tensor["quantization"]
        values = np.asarray(scale * (reader.get_tensor(tensor["index"]).astype(np.float64) - zero), np.float32)
        name = f"conv{layer[1]}{layer[2] or ''}"
        weights |= {f"{name}/bias": values} if is_bias else {f"{name}/kernel": values.transpose(1, 2, 3, 0)}
    if len(weights) != 54:
        raise ModelFileError(f"{path} is no quantised MobileNetV1: give the embedding extractor of Coral's test data.")
    return weights


def squeezenet_weights(path: Path) -> Weights:
    """SqueezeNet 1.1 of a Keras file, its input convention changed from ImageNet means (BGR) to -1 to 1 (RGB)."""
    weights = load_keras_weights(path, find_architecture("squeezenet"))
    kernel, bias = weights["conv1/kernel"].astype(np.float64), weights["conv1/bias"]
    level, mean = SIGNED.std[0], np.asarray(CAFFE.mean)
    offset = (kernel * (SIGNED.mean[0] - mean)[None, None, :, None]).sum(axis=(0, 1, 2))
    first: dict[str, Floats] = {
        "conv1/kernel": (kernel[:, :, ::-1] * level).astype(np.float32),
        "conv1/bias": (bias + offset).astype(np.float32),
    }
    return weights | first
