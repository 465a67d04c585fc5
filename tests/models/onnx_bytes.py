"""Just enough of ONNX's protobuf, by hand, to write small networks in tests."""

import struct

import numpy as np


def number(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(key, value):
    """One field: a whole number, a float, or bytes, text or the bytes of a message."""
    if isinstance(value, float):
        return number(key << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return number(key << 3) + number(value)
    data = value.encode() if isinstance(value, str) else value
    return number(key << 3 | 2) + number(len(data)) + data


def tensor(name, array, extra=b""):
    kind = {"float32": 1, "int64": 7}[array.dtype.name]
    dims = b"".join(field(1, side) for side in array.shape)
    return dims + field(2, kind) + field(8, name) + field(9, array.tobytes()) + extra


def attribute(name, value):
    if isinstance(value, float):
        return field(1, name) + field(2, value) + field(20, 1)
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    return field(1, name) + b"".join(field(8, item) for item in value) + field(20, 7)


def operation(kind, inputs, output, **attributes):
    parts = [field(1, name) for name in inputs] + [field(2, output), field(3, output), field(4, kind)]
    return b"".join(parts + [field(5, attribute(*item)) for item in attributes.items()])


def tensor_type(name, shape):
    dims = b"".join(field(1, field(1, side) if isinstance(side, int) else field(2, side)) for side in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def model(operations, constants, inputs, outputs):
    """The bytes of an ONNX file; shapes hold numbers, or names where a side is free."""
    graph = [field(1, op) for op in operations] + [field(2, "g")]
    graph += [field(5, c if isinstance(c, bytes) else tensor(*c)) for c in constants]
    graph += [field(11, tensor_type(*i)) for i in inputs] + [field(12, tensor_type(*o)) for o in outputs]
    return field(1, 8) + field(7, b"".join(graph)) + field(8, field(1, "") + field(2, 13))


def weights(seed=0, **shapes):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
