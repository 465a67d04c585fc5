"""Operations that OpenVINO finds in an ONNX file or a SavedModel, one after another, as nodes of our networks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from landuse.models.arrays import Floats, Weights
from landuse.models.foreign import UNSUPPORTED, NodeData
from landuse.models.keras_weights import plain_name

EPSILON = 1e-3
NUMBERED = re.compile(r"[A-Za-z]+_[0-9]+")


class _UnsupportedError(Exception):
    """An operation that our networks have not; the message says what."""


class Translation:
    """Nodes and weights as they are found, in the order of the graph.

    Attributes:
        nodes: by name.
        weights: by name, as our networks have them.
        last: the node that the graph gives as its result.
        named: which node stands for an operation, by the operation's name in the file.
    """

    def __init__(self, *, channels_last: bool = False) -> None:
        """`channels_last` says that the graph takes images (n, H, W, C); OpenVINO turns them at once."""
        self._channels_last = channels_last
        self.nodes: dict[str, NodeData] = {}
        self.weights: Weights = {}
        self.last = ""
        self.named: dict[str, str] = {}
        self._names: dict[str, str] = {}  # ours, by the operation's own

    def add(self, op: Any) -> None:  # noqa: ANN401 - openvino.Node is untyped
        """Translate an operation; one that is not supported becomes a node that says so."""
        kind = op.get_type_name()
        if kind == "Parameter":
            self._names[op.get_name()] = "image"
        elif kind == "Result":
            self.last = self._sources(op)[0]
        elif _constant(op) is None:
            try:
                _TRANSLATORS.get(kind, _refuse)(self, op)
            except _UnsupportedError as error:
                name = self._given_name(op)
                what = f"the operation {kind} of {name[:80]!r}" if name else f"the operation {kind}"
                self._node(op, UNSUPPORTED, self._sources(op), what=f"{what}{error}")

    def _node(self, op: Any, kind: str, inputs: list[str], **attributes: object) -> str:  # noqa: ANN401
        """A new node, which stands for the operation from now on."""
        plain = plain_name(self._given_name(op) or f"{kind}_{len(self.nodes)}")[:60] or "node"
        name = plain if plain not in self.nodes and plain != "image" else f"{plain}_{len(self.nodes)}"
        self.nodes[name] = {"op": kind, "name": name, "inputs": inputs, **attributes}
        self._names[op.get_name()] = self.named[op.get_friendly_name()] = name
        return name

    def _given_name(self, op: Any) -> str:  # noqa: ANN401
        """The name that an operation has in its file; none for one that OpenVINO numbered, differently in every process."""
        name = str(op.get_friendly_name())
        return "" if self._channels_last and NUMBERED.fullmatch(name) else name

    def _sources(self, op: Any) -> list[str]:  # noqa: ANN401
        """Our nodes that an operation reads; constants are left out."""
        found = (value.get_source_output().get_node().get_name() for value in op.inputs())
        return [self._names[name] for name in found if name in self._names]

    def _same(self, op: Any) -> None:  # noqa: ANN401
        """An operation that changes nothing."""
        self._names[op.get_name()] = self.named[op.get_friendly_name()] = self._sources(op)[0]

    def convolution(self, op: Any) -> None:  # noqa: ANN401
        """A convolution, of all channels or of each by itself."""
        kernel = _need(op, 1)
        window = self._window(op, kernel.shape[-2:])
        if kernel.ndim == 5:
            if kernel.shape[1:3] != (1, 1):
                raise _UnsupportedError(" in groups of several channels")
            values = kernel[:, 0, 0].transpose(1, 2, 0)[..., None]
            name = self._node(op, "depthwise_conv", **window)
        else:
            values = kernel.transpose(2, 3, 1, 0)
            name = self._node(op, "conv", **window, filters=kernel.shape[0])
        self.weights[f"{name}/kernel"] = np.ascontiguousarray(values)

    def pool(self, op: Any) -> None:  # noqa: ANN401
        """A pooling; one of the whole map is the global one."""
        kind = "max_pool" if op.get_type_name() == "MaxPool" else "average_pool"
        size, attributes = op.get_input_shape(0)[2:], op.get_attributes()
        kernel = tuple(attributes["kernel"])
        if kind == "average_pool" and kernel == tuple(size) and not _pads(op).any():
            self._node(op, "global_average_pool", self._sources(op))
        else:
            self._node(op, kind, **self._window(op, kernel))

    def _window(self, op: Any, kernel: tuple[int, ...]) -> dict[str, Any]:  # noqa: ANN401
        """Inputs, kernel, stride and padding of an operation on neighbourhoods, with a node for odd borders before it."""
        attributes, source = op.get_attributes(), self._sources(op)
        strides = list(attributes["strides"])
        if len(kernel) != 2 or len(set(strides)) > 1 or set(attributes.get("dilations", [1])) != {1}:
            raise _UnsupportedError(" with dilation, unequal strides or another number of dimensions")
        stride, side = int(strides[0]), tuple(int(k) for k in kernel)
        common = {"kernel": side[0] if side[0] == side[1] else side, "stride": stride}
        pads = _pads(op)
        if pads.any() and (pads == _same_pads(op, side, stride)).all() and self._fair(op, counted=False):
            return {"inputs": source, **common, "padding": "same"}
        if pads.any():
            if not self._fair(op, counted=True):
                raise _UnsupportedError(" with borders that are neither zeros nor those of padding 'same'")
            (top, left), (bottom, right) = pads.tolist()
            border = {"top": top, "bottom": bottom, "left": left, "right": right}
            name = f"border_{len(self.nodes)}"
            self.nodes[name] = {"op": "pad", "name": name, "inputs": source, **border}
            source = [name]
        return {"inputs": source, **common, "padding": "valid"}

    def _fair(self, op: Any, *, counted: bool) -> bool:  # noqa: ANN401
        """Whether a border of zeros that counts, or one that does not, gives what the operation gives."""
        match op.get_type_name():
            case "MaxPool":
                return not counted or self._never_negative(self._sources(op)[0])
            case "AvgPool":
                return bool(op.get_attributes()["exclude-pad"]) is not counted
            case _:
                return True

    def _never_negative(self, name: str) -> bool:
        node = self.nodes.get(name, {"op": "image"})
        if node["op"] == "activation":
            return node["function"] in ("relu", "relu6", "sigmoid")
        through = ("max_pool", "average_pool", "concat", "add", "pad")
        return node["op"] in through and all(self._never_negative(source) for source in node["inputs"])

    def arithmetic(self, op: Any) -> None:  # noqa: ANN401
        """A sum of tensors; or, with a constant, a bias or a factor and offset of each channel."""
        kind, sources = op.get_type_name(), self._sources(op)
        constants = [value for value in (_input_constant(op, 0), _input_constant(op, 1)) if value is not None]
        if not constants:
            self._of_two(op, kind, sources)
            return
        width = op.get_output_shape(0)[1] if len(op.get_output_shape(0)) > 1 else 0
        values = _per_channel(constants[0], len(op.get_output_shape(0)), width)
        if _input_constant(op, 0) is not None and kind in ("Subtract", "Divide"):
            raise _UnsupportedError(" from a constant")
        if kind == "Add" and self._takes_bias(op, sources[0]):
            self.nodes[sources[0]] |= {} if self.nodes[sources[0]]["op"] == "dense" else {"bias": True}
            self.weights[f"{sources[0]}/bias"] = values
            self._same(op)
            return
        if kind == "Add" and self._takes_offset(op, sources[0]):
            self.weights[f"{sources[0]}/beta"] = values
            self._same(op)
            return
        if kind == "Multiply" and (values == 1).all():
            self._same(op)
            return
        factor, offset = np.ones(width, np.float32), np.zeros(width, np.float32)
        if kind in ("Multiply", "Divide"):
            factor = values if kind == "Multiply" else 1 / values
        else:
            offset = values if kind == "Add" else -values
        self._affine(op, factor, offset)

    def _of_two(self, op: Any, kind: str, sources: list[str]) -> None:  # noqa: ANN401
        """A sum of tensors, or x * sigmoid(x)."""
        gates = [s for s in sources if self.nodes.get(s, {}).get("function") == "sigmoid"]
        if kind == "Add" and len(sources) == 2:
            self._node(op, "add", sources)
        elif (
            kind == "Multiply"
            and len(gates) == 1
            and self.nodes[gates[0]]["inputs"] == [s for s in sources if s not in gates]
        ):
            self._node(op, "activation", self.nodes[gates[0]]["inputs"], function="swish")
        else:
            raise _UnsupportedError(" of two tensors")

    def _takes_bias(self, op: Any, source: str) -> bool:  # noqa: ANN401
        """Whether a constant can become the bias of the layer before, which nothing else reads."""
        kind = self.nodes.get(source, {}).get("op")
        return (
            kind in ("conv", "depthwise_conv", "dense")
            and self._alone(op)
            and not self.weights.get(f"{source}/bias", _NONE).any()
        )

    def _takes_offset(self, op: Any, source: str) -> bool:  # noqa: ANN401
        """Whether a constant can become the offset of the factor before, which nothing else reads."""
        kind = self.nodes.get(source, {}).get("op")
        return kind == "batch_norm" and self._alone(op) and not self.weights[f"{source}/beta"].any()

    def _alone(self, op: Any) -> bool:  # noqa: ANN401
        """Whether an operation is the only one that reads its tensor."""
        outputs = (value.get_source_output() for value in op.inputs())
        before = next(output for output in outputs if output.get_node().get_name() in self._names)
        return len(before.get_target_inputs()) == 1

    def _affine(self, op: Any, factor: Floats, offset: Floats) -> None:  # noqa: ANN401
        """Factor and offset of each channel, as a batch norm with fixed statistics."""
        name = self._node(op, "batch_norm", self._sources(op), epsilon=EPSILON)
        zeros = np.zeros_like(factor)
        parts = {"gamma": factor, "beta": offset, "moving_mean": zeros, "moving_variance": zeros + (1 - EPSILON)}
        self.weights |= {f"{name}/{part}": array.astype(np.float32) for part, array in parts.items()}

    def batch_norm(self, op: Any) -> None:  # noqa: ANN401
        """Batch normalisation by its running statistics."""
        kinds = [value.get_source_output().get_node() for value in op.inputs()]
        arrays = [array for array in map(_constant, kinds) if array is not None]
        if len(arrays) != 4:
            raise _UnsupportedError(" with statistics of the batch")
        name = self._node(op, "batch_norm", self._sources(op), epsilon=float(op.get_attributes()["epsilon"]))
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        self.weights |= {f"{name}/{part}": array for part, array in zip(parts, arrays, strict=True)}

    def activation(self, op: Any) -> None:  # noqa: ANN401
        """A function of each value."""
        kind, attributes = op.get_type_name(), op.get_attributes()
        if kind == "Clamp" and (attributes["min"], attributes["max"]) != (0, 6):
            raise _UnsupportedError(" between other bounds than 0 and 6")
        if kind == "Swish" and len(op.inputs()) > 1 and (_need(op, 1) != 1).any():
            raise _UnsupportedError(" with a factor")
        names = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Clamp": "relu6", "Swish": "swish"}
        self._node(op, "activation", self._sources(op), function=names[kind])

    def clip(self, op: Any) -> None:  # noqa: ANN401
        """Max(x, 0), and min(x, 6) of what is not negative: the two halves of a Clip."""
        constants = [value for value in (_input_constant(op, 0), _input_constant(op, 1)) if value is not None]
        sources = self._sources(op)
        bound = float(constants[0].ravel()[0]) if constants and constants[0].size == 1 else None
        if op.get_type_name() == "Maximum" and bound == 0:
            self._node(op, "activation", sources, function="relu")
        elif op.get_type_name() == "Minimum" and bound == 6 and self._never_negative(sources[0]):
            self._node(op, "activation", sources, function="relu6")
        else:
            raise _UnsupportedError(" with other bounds than 0 and 6")

    def mean(self, op: Any) -> None:  # noqa: ANN401
        """The mean of a whole map."""
        if sorted(axis % 4 for axis in _need(op, 1).astype(int).ravel()) != [2, 3] or len(op.get_input_shape(0)) != 4:
            raise _UnsupportedError(" over other axes than height and width")
        self._node(op, "global_average_pool", self._sources(op))

    def reshape(self, op: Any) -> None:  # noqa: ANN401
        """A vector stays one; a map of one pixel becomes one."""
        before, after = list(op.get_input_shape(0)), list(op.get_output_shape(0))
        source = self._sources(op)[0]
        if len([n for n in before[1:] if n != 1]) > 1 or before[1] not in after:
            raise _UnsupportedError(" of a feature map")
        if self.nodes.get(source, {}).get("op") in ("global_average_pool", "dense") or len(before) < 4:
            self._same(op)
        else:
            self._node(op, "global_average_pool", [source])

    def transpose(self, op: Any) -> None:  # noqa: ANN401
        """What turns a TensorFlow image or its final map is left out: our tensors are channels last for whoever reads them."""
        order, source = _need(op, 1).astype(int).tolist(), op.input_value(0).get_node()
        readers = {reader.get_node().get_type_name() for reader in op.output(0).get_target_inputs()}
        turns_image = source.get_type_name() == "Parameter" and order == [0, 3, 1, 2]
        if order != sorted(order) and not (self._channels_last and (turns_image or readers == {"Result"})):
            raise _UnsupportedError(f" into the order {order}")
        self._same(op)

    def convert(self, op: Any) -> None:  # noqa: ANN401
        """An image of whole numbers becomes one of fractions."""
        if op.input_value(0).get_node().get_type_name() != "Parameter":
            raise _UnsupportedError
        self._same(op)

    def matmul(self, op: Any) -> None:  # noqa: ANN401
        """A fully connected layer, whose bias may follow."""
        matrix, attributes = _need(op, 1), op.get_attributes()
        if matrix.ndim != 2 or attributes["transpose_a"] or len(op.get_output_shape(0)) != 2:
            raise _UnsupportedError(" of another form than vector by matrix")
        matrix = matrix.T if attributes["transpose_b"] else matrix
        name = self._node(op, "dense", self._sources(op), units=matrix.shape[1])
        self.weights |= {
            f"{name}/kernel": np.ascontiguousarray(matrix),
            f"{name}/bias": np.zeros(matrix.shape[1], np.float32),
        }

    def concat(self, op: Any) -> None:  # noqa: ANN401
        """Tensors channel after channel."""
        if op.get_attributes()["axis"] not in (1, 1 - len(op.get_output_shape(0))) or len(self._sources(op)) < 2:
            raise _UnsupportedError(" along another axis than that of the channels")
        self._node(op, "concat", self._sources(op))

    def pad(self, op: Any) -> None:  # noqa: ANN401
        """Zeros around a map."""
        begins, ends = _need(op, 1).astype(int).tolist(), _need(op, 2).astype(int).tolist()
        value = _input_constant(op, 3) if len(op.inputs()) > 3 else None
        constant = op.get_attributes()["pad_mode"] == "constant" and (value is None or not value.any())
        if not constant or len(begins) != 4 or any((*begins[:2], *ends[:2])) or min(begins + ends) < 0:
            raise _UnsupportedError(" with anything but zeros around a map")
        border = {"top": begins[2], "bottom": ends[2], "left": begins[3], "right": ends[3]}
        self._node(op, "pad", self._sources(op), **border)


def _refuse(translation: Translation, op: Any) -> None:  # noqa: ANN401
    raise _UnsupportedError


_NONE = np.zeros(0, np.float32)

_TRANSLATORS: dict[str, Callable[[Translation, Any], None]] = {
    **dict.fromkeys(("Convolution", "GroupConvolution"), Translation.convolution),
    **dict.fromkeys(("MaxPool", "AvgPool"), Translation.pool),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Divide"), Translation.arithmetic),
    **dict.fromkeys(("Relu", "Sigmoid", "Tanh", "Clamp", "Swish"), Translation.activation),
    **dict.fromkeys(("Maximum", "Minimum"), Translation.clip),
    **dict.fromkeys(("Reshape", "Squeeze"), Translation.reshape),
    "BatchNormInference": Translation.batch_norm,
    "Transpose": Translation.transpose,
    "Convert": Translation.convert,
    "ReduceMean": Translation.mean,
    "MatMul": Translation.matmul,
    "Concat": Translation.concat,
    "Pad": Translation.pad,
}


def _constant(op: Any) -> Floats | None:  # noqa: ANN401
    """The values of a constant, float32; None for anything else."""
    if op.get_type_name() == "Convert":
        op = op.input_value(0).get_node()
    return np.asarray(op.data, np.float32) if op.get_type_name() == "Constant" else None


def _input_constant(op: Any, index: int) -> Floats | None:  # noqa: ANN401
    return _constant(op.input_value(index).get_node())


def _need(op: Any, index: int) -> Floats:  # noqa: ANN401
    """The constant that an operation reads at a place."""
    values = _input_constant(op, index)
    if values is None:
        raise _UnsupportedError(" with weights that are computed")
    return values


def _per_channel(values: Floats, rank: int, width: int) -> Floats:
    """A constant as one value a channel."""
    shape = (1,) * (rank - values.ndim) + values.shape
    if rank not in (2, 4) or any(n != 1 for axis, n in enumerate(shape) if axis != 1) or shape[1] not in (1, width):
        raise _UnsupportedError(" with other values than one a channel")
    return np.ascontiguousarray(np.broadcast_to(values.ravel(), (width,)), np.float32)


def _pads(op: Any) -> np.ndarray[Any, np.dtype[np.int64]]:  # noqa: ANN401
    """Rows and columns that an operation adds: [[top, left], [bottom, right]], as its output's size tells."""
    attributes = op.get_attributes()
    pads = np.array([list(attributes["pads_begin"]), list(attributes["pads_end"])], np.int64)
    if op.get_type_name() == "MaxPool":  # rounded up, it reaches over the edge
        sizes, kernel = np.array(op.get_input_shape(0)[2:]), np.array(list(attributes["kernel"]))
        reach = (np.array(op.get_output_shape(0)[2:]) - 1) * np.array(list(attributes["strides"])) + kernel
        pads[1] = np.maximum(pads[1], reach - sizes - pads[0])
    return pads


def _same_pads(op: Any, kernel: tuple[int, ...], stride: int) -> np.ndarray[Any, np.dtype[np.int64]]:  # noqa: ANN401
    """What padding "same" adds, the odd row at the bottom and the right."""
    sizes = np.array(op.get_input_shape(0)[2:])
    total = np.maximum((-(-sizes // stride) - 1) * stride + np.array(kernel) - sizes, 0)
    return np.array([total // 2, total - total // 2], np.int64)
