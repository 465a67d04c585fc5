"""Operations on neighbourhoods: convolutions, poolings and the borders they need, as nodes of our networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from landuse.models.foreign_constants import Operation, UnsupportedError, input_constant, needed_constant
from landuse.models.translation import Translation


def convolution(op: Operation, into: Translation) -> None:
    """A convolution, of all channels or of each by itself."""
    kernel = needed_constant(op, 1)
    window = _window(op, into, kernel.shape[-2:])
    if kernel.ndim == 5:
        if kernel.shape[1:3] != (1, 1):
            raise UnsupportedError(" in groups of several channels")
        values = kernel[:, 0, 0].transpose(1, 2, 0)[..., None]
        name = into.node(op, "depthwise_conv", **window)
    else:
        values = kernel.transpose(2, 3, 1, 0)
        name = into.node(op, "conv", **window, filters=kernel.shape[0])
    into.weights[f"{name}/kernel"] = np.ascontiguousarray(values)


def pool(op: Operation, into: Translation) -> None:
    """A pooling; one of the whole map is the global one."""
    kind = "max_pool" if op.get_type_name() == "MaxPool" else "average_pool"
    size, attributes = op.get_input_shape(0)[2:], op.get_attributes()
    kernel = tuple(attributes["kernel"])
    if kind == "average_pool" and kernel == tuple(size) and not _pads(op).any():
        into.node(op, "global_average_pool", into.sources(op))
    else:
        into.node(op, kind, **_window(op, into, kernel))


def pad(op: Operation, into: Translation) -> None:
    """Zeros around a map."""
    begins, ends = needed_constant(op, 1).astype(int).tolist(), needed_constant(op, 2).astype(int).tolist()
    value = input_constant(op, 3) if len(op.inputs()) > 3 else None
    constant = op.get_attributes()["pad_mode"] == "constant" and (value is None or not value.any())
    if not constant or len(begins) != 4 or any((*begins[:2], *ends[:2])) or min(begins + ends) < 0:
        raise UnsupportedError(" with anything but zeros around a map")
    border = {"top": begins[2], "bottom": ends[2], "left": begins[3], "right": ends[3]}
    into.node(op, "pad", into.sources(op), **border)


def _window(op: Operation, into: Translation, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Inputs, kernel, stride and padding of an operation on neighbourhoods, with a node for odd borders before it."""
    attributes, source = op.get_attributes(), into.sources(op)
    strides = list(attributes["strides"])
    if len(kernel) != 2 or len(set(strides)) > 1 or set(attributes.get("dilations", [1])) != {1}:
        raise UnsupportedError(" with dilation, unequal strides or another number of dimensions")
    stride, side = int(strides[0]), tuple(int(k) for k in kernel)
    common = {"kernel": side[0] if side[0] == side[1] else side, "stride": stride}
    pads = _pads(op)
    if pads.any() and (pads == _same_pads(op, side, stride)).all() and _fair(op, into, counted=False):
        return {"inputs": source, **common, "padding": "same"}
    if pads.any():
        if not _fair(op, into, counted=True):
            raise UnsupportedError(" with borders that are neither zeros nor those of padding 'same'")
        (top, left), (bottom, right) = pads.tolist()
        border = {"top": top, "bottom": bottom, "left": left, "right": right}
        name = f"border_{len(into.nodes)}"
        into.nodes[name] = {"op": "pad", "name": name, "inputs": source, **border}
        source = [name]
    return {"inputs": source, **common, "padding": "valid"}


def _fair(op: Operation, into: Translation, *, counted: bool) -> bool:
    """Whether a border of zeros that counts, or one that does not, gives what the operation gives."""
    match op.get_type_name():
        case "MaxPool":
            return not counted or into.never_negative(into.sources(op)[0])
        case "AvgPool":
            return bool(op.get_attributes()["exclude-pad"]) is not counted
        case _:
            return True


def _pads(op: Operation) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Rows and columns that an operation adds: [[top, left], [bottom, right]], as its output's size tells."""
    attributes = op.get_attributes()
    pads = np.array([list(attributes["pads_begin"]), list(attributes["pads_end"])], np.int64)
    if op.get_type_name() == "MaxPool":  # rounded up, it reaches over the edge
        sizes, kernel = np.array(op.get_input_shape(0)[2:]), np.array(list(attributes["kernel"]))
        reach = (np.array(op.get_output_shape(0)[2:]) - 1) * np.array(list(attributes["strides"])) + kernel
        pads[1] = np.maximum(pads[1], reach - sizes - pads[0])
    return pads


def _same_pads(op: Operation, kernel: tuple[int, ...], stride: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """What padding "same" adds, the odd row at the bottom and the right."""
    sizes = np.array(op.get_input_shape(0)[2:])
    total = np.maximum((-(-sizes // stride) - 1) * stride + np.array(kernel) - sizes, 0)
    return np.array([total // 2, total - total // 2], np.int64)
