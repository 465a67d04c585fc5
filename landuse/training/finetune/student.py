"""A backbone and its head as they learn, in TensorFlow. Importing this imports TensorFlow (8 s)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from landuse.models.arrays import Floats, Weights
from landuse.models.bundle import Bundle
from landuse.models.heads import LogisticHead
from landuse.models.keras_library import keras
from landuse.models.keras_networks import arrays, assign, built, named_layers
from landuse.models.openvino_runtime import choose_precision
from landuse.models.runtime import Precision
from landuse.options.training import LAST_BLOCK, FineTuneOptions
from landuse.training.finetune.augment import augment
from landuse.training.finetune.layers import layers_to_train
from landuse.training.finetune.tensors import Tensor, tf

Arrays = Mapping[str, Any]
DECAY = 1e-4
CLIP = 1.0
"""Longest gradient of a step, over all weights."""


@dataclass(frozen=True)
class Device:
    """Where the steps run: ``cpu`` or ``gpu``, and in what arithmetic."""

    kind: Literal["cpu", "gpu"]
    precision: Literal["f32", "bf16"]


def choose_device(wanted: Precision) -> Device:
    """One GPU where there is one, else the processor; bf16 where it has it. Raises `UsageError` where bf16 cannot be had."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        from landuse.models.openvino import ov

        return Device("cpu", choose_precision(wanted, ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
    try:
        tf.config.set_visible_devices(gpus[0], "GPU")
        tf.config.experimental.set_memory_growth(gpus[0], True)
    except RuntimeError:
        pass  # TensorFlow is at work already, with the devices that it was given
    capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
    return Device("gpu", choose_precision(wanted, ["BF16"] if capability >= (8, 0) else []))


class Student:
    """What learns.

    Args:
        bundle: the backbone, its preprocessing and its legend.
        head: where the head begins.
        how: which layers learn, and whether images are changed at random in a step.
        device: where it runs.

    Raises:
        UsageError: Keras does not build the backbone, or it has fewer layers than asked for.
    """

    def __init__(self, bundle: Bundle, head: LogisticHead, how: FineTuneOptions, device: Device) -> None:
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
            rate: learning rate.
            seed: of the changes of the images.
        """
        self._optimizer.learning_rate.assign(rate)
        return float(self._compiled(images, tf.constant(targets), tf.constant(seed, tf.int32)))

    def state(self) -> dict[str, Any]:
        """All that changes in training, as arrays by name; `restore` takes it."""
        found: dict[str, Any] = {f"network/{name}": array for name, array in self._learnt().items()}
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

    def head(self) -> LogisticHead:
        """The head as it is now."""
        return LogisticHead(np.asarray(self._weight), np.asarray(self._bias), self._head.mean, self._head.scale)

    def _learnt(self) -> Weights:
        """The weights of the layers that learn."""
        return {n: a for n, a in arrays(self._backbone).items() if n.rpartition("/")[0] in self._chosen}

    def _step(self, images: Tensor, targets: Tensor, seed: Tensor) -> Tensor:
        """One step of AdamW on the mean weighted cross-entropy."""
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
