"""A network over windows of ground instead of chips: its feature map, and what it says of each cell of the map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from landuse.models.arrays import Floats, Images
from landuse.models.dense import DenseShape, dense_shape
from landuse.models.heads import in_graph
from landuse.models.openvino_graph import build_after, build_until
from landuse.models.openvino_library import ov
from landuse.models.openvino_runtime import arithmetic, ranges_of
from landuse.models.runtime import Precision, Prediction, read_cached

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle

Map = Floats
"""A feature map (D, h, w), north up."""


class OpenVinoDense:
    """A network in two halves: up to the map that its pooling reads, and from a map to the answers of cells.

    A window of n cells a side has `step` * (n - 1) positions and some more a side; a cell's answer is made of the `side` x
    `side` positions of the chip around it, those without imagery left out.
    """

    def __init__(self, bundle: Bundle, shape: DenseShape, precision: Precision = "auto", threads: int = 0) -> None:
        core = ov.Core()
        self.precision, hint = arithmetic(precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"), bundle)
        self._head, inside = bundle.head, in_graph(bundle.head)
        ranges = ranges_of(bundle) if self.precision == "int8" else None
        until = build_until(bundle.network, bundle.weights, bundle.preprocess, shape.source, ranges)
        box = shape.channels, shape.side, shape.step
        lines = None if bundle.alignment is None else (bundle.alignment.factor, bundle.alignment.offset)
        after = build_after(bundle.network, bundle.weights, shape.pool, box, inside, lines)
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
        if threads:  # one of several workers: threads bound to cores would all be bound to the same ones
            config |= {"INFERENCE_NUM_THREADS": str(threads), "ENABLE_CPU_PINNING": "NO"}
        self._until, self._after = (core.compile_model(half, "CPU", config) for half in (until, after))

    def maps(self, windows: Iterator[Images]) -> Iterator[Map]:
        """The feature map of each window, uint8 (H, W, C), in order; the next window is read while one is computed."""
        idle: list[Any] = [self._until.create_infer_request() for _ in range(2)]
        running: Any = None
        try:
            for window in windows:
                request = idle.pop()
                if running is not None:
                    running.wait()
                request.start_async({0: window[None]})
                if running is not None:
                    yield running.get_output_tensor(0).data[0].copy()
                    idle.append(running)
                running = request
            if running is not None:
                running.wait()
                yield running.get_output_tensor(0).data[0].copy()
        finally:
            if running is not None:
                running.wait()

    def cells(self, found: Map, imagery: npt.NDArray[np.bool_]) -> Prediction:
        """What the network says of each cell whose chip lies within a map, in image order.

        Args:
            found: map (D, h, w).
            imagery: bool (h, w), the positions that count; a cell needs one at least, else its answer is of no use.
        """
        answers = self._after([found[None], imagery[None, None].astype(np.float32)])
        features = answers[len(answers) - 1].copy()
        return Prediction(self._head.apply(features) if len(answers) == 1 else answers[0].copy(), features)


_OPEN: dict[tuple[str, DenseShape, Precision, int], OpenVinoDense] = {}


def open_dense(path: Path, cell_px: float, precision: Precision, threads: int) -> tuple[OpenVinoDense, DenseShape]:
    """A model over windows of ground and how its map lies on cells of `cell_px` pixels. Compiled once a process.

    Raises:
        UsageError: the network cannot answer on such cells, or not in that precision.
    """
    bundle = read_cached(path)
    shape = dense_shape(bundle.network, bundle.chip_px, cell_px, bundle.name)
    key = (bundle.digest, shape, precision, threads)
    if key not in _OPEN:
        _OPEN[key] = OpenVinoDense(bundle, shape, precision, threads)
    return _OPEN[key], shape
