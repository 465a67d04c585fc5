"""A backbone and its head as they learn, in TensorFlow. Importing this imports TensorFlow (8 s)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from landuse.errors import UsageError
from landuse.models.bundle import Bundle
from landuse.models.heads import DenseHead, logistic
from landuse.models.keras_backbone import built
from landuse.models.keras_networks import arrays, assign, named_layers
from landuse.models.libraries import Floats, Tensor, Weights, keras, ov, tf
from landuse.models.runtime import Precision, choose_precision
from landuse.options.training import ALL, LAST_BLOCK, FineTuneOptions, Layers

Arrays = Mapping[str, Any]
DECAY = 1e-4
CLIP = 1.0
"""Longest gradient of a step, over all weights."""
COUNTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D, keras.layers.Dense)
"""The layers that a number of them counts."""
NORM = keras.layers.BatchNormalization
Layer = tuple[str, Any]
"""A layer of Keras with its stable name."""
SCALE = 0.2
"""Largest change of scale, as a logarithm: a pixel's ground size may be a fifth smaller or larger."""
BRIGHTNESS, CONTRAST = 20.0, 0.2


@dataclass(frozen=True)
class Device:
    """Where the steps run: ``cpu`` or ``gpu``, and in what arithmetic."""

    kind: Literal["cpu", "gpu"]
    precision: Literal["f32", "bf16"]


def choose_device(wanted: Precision) -> Device:
    """One GPU where there is one, else the processor; bf16 where it has it. Raises `UsageError` where bf16 cannot be had."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return Device("cpu", choose_precision(wanted, ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
    try:
        tf.config.set_visible_devices(gpus[0], "GPU")
        tf.config.experimental.set_memory_growth(gpus[0], True)
    except RuntimeError:
        pass  # TensorFlow is at work already, with the devices that it was given
    capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
    return Device("gpu", choose_precision(wanted, ["BF16"] if capability >= (8, 0) else []))


class TrainableNetwork:
    """A backbone in Keras with a logistic head on it, which learns step by step.

    Raises:
        UsageError: Keras does not build the backbone, or it has fewer layers than asked for.
    """

    def __init__(self, bundle: Bundle, head: DenseHead, how: FineTuneOptions, device: Device) -> None:
        self._bundle, self._head, self._augmented = bundle, head, how.augment
        self._backbone, self._chosen = _build(bundle, how, device)
        self._factor, self._offset = bundle.preprocess.affine()
        self._weight = keras.Variable(head.weight / head.temperature, name="head_weight")
        self._bias = keras.Variable(head.bias / head.temperature, name="head_bias")
        self._trained = [*self._backbone.trainable_variables, self._weight, self._bias]
        self._optimizer = keras.optimizers.AdamW(1e-3, weight_decay=DECAY, global_clipnorm=CLIP)
        self._optimizer.build(self._trained)
        images = tf.TensorSpec((None, bundle.chip_px, bundle.chip_px, bundle.backbone.channels), tf.uint8)
        targets = tf.TensorSpec((None, head.class_count), tf.float32)
        self._compiled = tf.function(self._step, input_signature=[images, targets, tf.TensorSpec((2,), tf.int32)])
        self.scores = tf.function(self._scores, input_signature=[images])

    def step(self, images: Tensor, targets: Floats, rate: float, seed: tuple[int, int]) -> float:
        """Learn from a batch; the loss before.

        Args:
            images: uint8 (n, px, px, bands).
            targets: float32 (n, K), weights included.
        """
        self._optimizer.learning_rate.assign(rate)
        return float(self._compiled(images, tf.constant(targets), tf.constant(seed, tf.int32)))

    def state(self) -> dict[str, Any]:
        """All that changes in training, as arrays by name; `restore` takes it."""
        found: dict[str, Any] = {f"network/{name}": array for name, array in self._trained_arrays().items()}
        found |= {"head/weight": np.asarray(self._weight), "head/bias": np.asarray(self._bias)}
        slots = {f"optimizer/{i:04d}": np.asarray(v) for i, v in enumerate(self._optimizer.variables)}
        return found | slots

    def restore(self, state: Arrays) -> None:
        """Go on from a state."""
        network = {name.removeprefix("network/"): array for name, array in state.items() if name.startswith("network/")}
        assign(self._backbone, arrays(self._backbone) | network, "The checkpoint")
        self._weight.assign(state["head/weight"])
        self._bias.assign(state["head/bias"])
        for i, variable in enumerate(self._optimizer.variables):
            variable.assign(state[f"optimizer/{i:04d}"])

    def weights(self) -> Weights:
        """All weights of the backbone, float32."""
        return arrays(self._backbone)

    def head(self) -> DenseHead:
        """The head as it is now."""
        return logistic(np.asarray(self._weight), np.asarray(self._bias), self._head.mean, self._head.scale)

    def _trained_arrays(self) -> Weights:
        return {n: a for n, a in arrays(self._backbone).items() if n.rpartition("/")[0] in self._chosen}

    def _step(self, images: Tensor, targets: Tensor, seed: Tensor) -> Tensor:
        images = tf.cast(images, tf.float32)
        with tf.GradientTape() as tape:
            scores = self._judge(augment(images, seed) if self._augmented else images, training=True)
            count = tf.cast(tf.shape(images)[0], tf.float32)
            loss = -tf.reduce_sum(targets * tf.nn.log_softmax(scores)) / count
        self._optimizer.apply(tape.gradient(loss, [variable.value for variable in self._trained]), self._trained)
        return loss

    def _scores(self, images: Tensor) -> Tensor:
        return self._judge(tf.cast(images, tf.float32), training=False)

    def _judge(self, images: Tensor, *, training: bool) -> Tensor:
        """Scores float32 (n, K) of images float32 from 0 to 255."""
        ordered = images[..., ::-1] if self._bundle.preprocess.order == "bgr" else images
        features = tf.cast(self._backbone(ordered * self._factor + self._offset, training=training), tf.float32)
        return tf.matmul((features - self._head.mean) / self._head.scale, self._weight) + self._bias


def _build(bundle: Bundle, how: FineTuneOptions, device: Device) -> tuple[Any, frozenset[str]]:
    """The backbone in Keras and the layers that learn; the others are frozen, and so run with their fixed statistics."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if device.precision == "bf16" else "float32")
    try:
        backbone = built(bundle.backbone, bundle.name)
    finally:
        keras.config.set_dtype_policy(before)
    chosen = layers_to_train(backbone, how.layers or LAST_BLOCK, how.train_batch_norm)
    for name, layer in named_layers(backbone):
        layer.trainable = name in chosen
    return backbone, chosen


def layers_to_train(model: Any, choice: Layers, batch_norm: bool = False) -> frozenset[str]:  # noqa: ANN401
    """Stable names of the layers whose weights learn on.

    Raises:
        UsageError: the backbone has fewer layers than asked for.
    """
    layers = list(named_layers(model))
    if choice == LAST_BLOCK:
        layers = _last_block(layers)
    elif choice != ALL:
        layers = _from_the_top(layers, int(choice))
    return frozenset(name for name, layer in layers if layer.weights and (batch_norm or not isinstance(layer, NORM)))


def _last_block(layers: list[Layer]) -> list[Layer]:
    shapes = {name: tuple(layer.output.shape)[1:-1] for name, layer in layers}
    maps = [shapes[name] for name, layer in layers if isinstance(layer, COUNTED) and shapes[name]]
    return [(name, layer) for name, layer in layers if not shapes[name] or (maps and shapes[name] == min(maps))]


def _from_the_top(layers: list[Layer], count: int) -> list[Layer]:
    places = [i for i, (_, layer) in enumerate(layers) if isinstance(layer, COUNTED)]
    if count > len(places):
        raise UsageError(f"The backbone has {len(places)} layers, not {count}: give --fine-tune all.")
    return layers[places[-count] :]


def augment(images: Tensor, seed: Tensor) -> Tensor:
    """Random copies of a batch.

    Args:
        images: float32 (n, px, px, bands) from 0 to 255.
        seed: int32 (2,); the same seed gives the same copies.

    Returns:
        float32 of the same shape, from 0 to 255.
    """
    seeds = tf.unstack(tf.random.split(seed, 3))
    return tf.clip_by_value(_light(_scale(_turn(images, seeds[0]), seeds[1]), seeds[2]), 0.0, 255.0)


def _turn(images: Tensor, seed: Tensor) -> Tensor:
    draws = tf.random.stateless_uniform((3, tf.shape(images)[0], 1, 1, 1), seed) < 0.5
    images = tf.where(draws[0], images[:, ::-1], images)
    images = tf.where(draws[1], images[:, :, ::-1], images)
    return tf.where(draws[2], tf.transpose(images, (0, 2, 1, 3)), images)


def _scale(images: Tensor, seed: Tensor) -> Tensor:
    """Each image cut to a smaller or a larger square and resampled; what lies beyond its edge is its mirror image."""
    count, px = tf.shape(images)[0], int(images.shape[1])
    margin = px // 8
    draws = tf.random.stateless_uniform((3, count), seed)
    side = tf.minimum(tf.exp(SCALE * (2 * draws[0] - 1)), 1 + 2 * margin / px)
    span = float(px + 2 * margin - 1)
    room = px + 2 * margin - 1 - side * (px - 1)
    top, left = draws[1] * room / span, draws[2] * room / span
    reach = side * (px - 1) / span
    boxes = tf.stack([top, left, top + reach, left + reach], axis=1)
    padded = tf.pad(images, [[0, 0], [margin, margin], [margin, margin], [0, 0]], "SYMMETRIC")
    return tf.image.crop_and_resize(padded, boxes, tf.range(count), (px, px))


def _light(images: Tensor, seed: Tensor) -> Tensor:
    draws = tf.random.stateless_uniform((2, tf.shape(images)[0], 1, 1, 1), seed, -1.0, 1.0)
    mean = tf.reduce_mean(images, (1, 2, 3), keepdims=True)
    return mean + (images - mean) * tf.exp(CONTRAST * draws[0]) + BRIGHTNESS * draws[1]
