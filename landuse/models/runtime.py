"""Running a model: in OpenVINO, which is used unless another is asked for, or in Keras; compiled once a process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from landuse.engine.parts import part_key
from landuse.errors import EngineError, UsageError
from landuse.models.heads import DenseHead, in_graph
from landuse.models.keras_backbone import KerasRuntime
from landuse.models.libraries import (
    Floats,
    Graph,
    Images,
    Kind,
    Node,
    Precision,
    Prediction,
    Shape,
    check_batch,
    ops,
    ov,
)
from landuse.models.quantisation import Ranges, rounded

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle
__all__ = ["Kind", "Precision", "Prediction", "open_runtime", "read_cached"]
_OPEN: dict[tuple[str, Kind, Precision, int, int], OpenVinoRuntime | KerasRuntime] = {}
VERSION = 1
"""Changes where images are read in another way than before."""
PIECE = 8
"""Images of one inference request, and in float32 of requests that wait together: enough to keep a core busy."""


def open_runtime(
    bundle: Bundle | Path, *, kind: Kind = "openvino", precision: Precision = "auto", threads: int = 0
) -> OpenVinoRuntime | KerasRuntime:
    """The runtime of a model. Compiled once a process; later calls with an equal model get the same one.

    Args:
        kind: "openvino", or "tensorflow" (slower; importing it takes seconds).
        precision: "auto" takes bfloat16 where the processor computes in it natively, and float32 elsewhere; "int8" needs a
            model that was brought to it.
        threads: threads of one inference; 0 leaves it to the library.

    Raises:
        ModelFileError: for a file that is not a sound model.
        UsageError: for a precision that this machine or this runtime does not have.
        EngineError: in a process that was forked from one that has run a model.
    """
    model = read_cached(bundle) if isinstance(bundle, Path) else bundle
    process = os.getpid()
    if any(opened_in != process for *_, opened_in in _OPEN):  # a fork has none of the threads, and would wait for ever
        raise EngineError(
            "This process was forked from one that had run a model already: start it by spawn, as in "
            "multiprocessing.get_context('spawn').Pool()."
        )
    key = (model.digest, kind, precision, threads, process)
    if key not in _OPEN:
        _OPEN[key] = _open(model, kind, precision, threads)
    return _OPEN[key]


def _open(bundle: Bundle, kind: Kind, precision: Precision, threads: int) -> OpenVinoRuntime | KerasRuntime:
    if kind == "openvino":
        return OpenVinoRuntime(bundle, precision, threads)
    if kind == "tensorflow":
        return KerasRuntime(bundle, precision)
    raise UsageError(f"No runtime {kind!r}: choose openvino or tensorflow.")


def read_cached(path: Path) -> Bundle:
    """The model in a file, read once for as long as the file stays the same."""
    from landuse.models.bundle import read_bundle

    if not path.is_file():
        return read_bundle(path)  # which says what is wrong with it
    state = path.stat()
    return _read(path.resolve(), state.st_size, state.st_mtime_ns)


@cache
def _read(path: Path, size: int, modified: int) -> Bundle:
    from landuse.models.bundle import read_bundle

    return read_bundle(path)


def backbone_key(bundle: Bundle, runtime: str, precision: str) -> str:
    """Digest of all that shapes features but the image: the graph with its weights, and arithmetic; no head."""
    return part_key(version=VERSION, backbone=bundle.backbone.digest, runtime=runtime, precision=precision)


class ImageStream:
    """A compiled graph from images to vectors. One object serves one thread at a time.

    Args:
        results: the outputs (n, ...) that are wanted of the backbone's graph, images uint8 (n, px, px, C) to features (n, D).

    Attributes:
        config: how OpenVINO was told to run it.
    """

    def __init__(
        self, bundle: Bundle, results: Callable[[Graph], list[Node]], precision: Precision = "auto", threads: int = 0
    ) -> None:
        core = ov.Core()
        self.precision, hint = arithmetic(precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"), bundle)
        self._px, self._bands = bundle.chip_px, bundle.backbone.channels
        graph = bundle.backbone.graph(f"Model {bundle.name}")
        if self.precision == "int8":
            graph = rounded(graph, ranges_of(bundle))
        model = ov.Model(results(graph), graph.get_parameters(), "landuse")
        self._batch = bundle.backbone.batch
        if self._batch is None and self.precision == "f32":  # one image stays in a core's cache: a sixth less time
            self._batch = 1
            model.reshape([1, self._px, self._px, self._bands])
        self._shapes = [tuple(side.get_length() for side in list(o.get_partial_shape())[1:]) for o in model.outputs]
        self.config = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": hint}
        if threads:  # one of several workers: threads bound to cores would all be bound to the same ones
            self.config |= {"INFERENCE_NUM_THREADS": str(threads), "ENABLE_CPU_PINNING": "NO"}
        self._compiled = core.compile_model(model, "CPU", self.config)
        ahead = max(1, PIECE // (self._batch or PIECE))
        self._at_once = (self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") + 1) * ahead
        self._idle: list[Any] = []

    def outputs(self, batches: Iterator[Images]) -> Iterator[list[Floats]]:
        """The outputs (n, ...) for each batch uint8 (n, px, px, bands), in order; n may be 0.

        Requests run on OpenVINO's threads while this thread draws the next batch, so reading and computing overlap.
        A few requests are under way at any time, whatever the length of the stream. They are waited for in the order
        in which they were started, without callbacks: those can deadlock with the interpreter's lock at the end.
        """
        running: deque[_Job] = deque()
        waiting: deque[_BatchResult] = deque()
        try:
            for batch in batches:
                check_batch(batch, self._px, self._bands)
                waiting.append(_BatchResult(len(batch), self._shapes))
                piece = self._batch or PIECE
                for first in range(0, len(batch), piece):
                    if len(running) >= self._at_once:
                        self._finish(running.popleft())
                    running.append(self._start(batch[first : first + piece], waiting[-1], first))
                while waiting and waiting[0].complete:
                    yield waiting.popleft().arrays
            while waiting:
                while not waiting[0].complete:
                    self._finish(running.popleft())
                yield waiting.popleft().arrays
        finally:
            while running:
                self._finish(running.popleft())

    def _start(self, images: Images, result: _BatchResult, first: int) -> _Job:
        request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        missing = (self._batch or len(images)) - len(images)
        whole = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images
        request.start_async({0: whole})
        return _Job(request, result, first, len(images))

    def _finish(self, job: _Job) -> None:
        job.request.wait()
        found = [job.request.get_output_tensor(index).data[: job.count] for index in range(len(self._shapes))]
        job.result.put(job.first, found)
        self._idle.append(job.request)


class OpenVinoRuntime(ImageStream):
    """A compiled OpenVINO model. One object serves one thread at a time."""

    kind: Kind = "openvino"

    def __init__(self, bundle: Bundle, precision: Precision = "auto", threads: int = 0) -> None:
        inside = in_graph(bundle.head)
        self._head = None if inside is not None else bundle.head
        super().__init__(
            bundle, lambda graph: results_of(graph.get_results()[0].input_value(0), inside), precision, threads
        )

    def predict(self, batch: Images) -> Prediction:
        """Probabilities and features of uint8 images (n, px, px, bands); n may be 0."""
        return next(self.predict_stream(iter([batch])))

    def predict_stream(self, batches: Iterator[Images]) -> Iterator[Prediction]:
        """A prediction for each batch, in order; reading and computing overlap."""
        for *probabilities, features in self.outputs(batches):
            yield Prediction(probabilities[0] if self._head is None else self._head.apply(features), features)


def results_of(features: Node, head: DenseHead | None) -> list[Node]:
    """Probabilities (n, K), where there is a head, by its softmax of an affine function; and features (n, D)."""
    if head is None:
        return [features]
    ((matrix, offset),) = head.layers()
    scores = ops.add(ops.matmul(features, matrix, False, False), offset[None])
    return [ops.softmax(scores, 1).output(0), features]


class _BatchResult:
    """Room for the results of one batch, filled piece by piece."""

    def __init__(self, count: int, shapes: Sequence[Shape]) -> None:
        self.arrays: list[Floats] = [np.empty((count, *shape), np.float32) for shape in shapes]
        self._missing = count

    @property
    def complete(self) -> bool:
        """Whether all rows are there."""
        return self._missing == 0

    def put(self, first: int, found: Sequence[Floats]) -> None:
        """Put rows in their place, from `first` on."""
        for array, part in zip(self.arrays, found, strict=True):
            array[first : first + len(part)] = part
        self._missing -= len(found[0])


@dataclass(frozen=True, eq=False)
class _Job:
    """A request under way: an openvino.InferRequest, and where the results of its first `count` images go."""

    request: Any
    result: _BatchResult
    first: int
    count: int


def choose_precision(wanted: Precision, capabilities: list[str]) -> Literal["f32", "bf16"]:
    """The floating point to compute in, given what OpenVINO says of the processor; int8 leaves it open, as auto does.

    Raises:
        UsageError: where bfloat16 is asked for and the processor has none; it would only be slower and less exact.
    """
    native = "BF16" in capabilities
    if wanted == "bf16" and not native:
        raise UsageError("This processor does not compute in bfloat16: use precision auto or f32.")
    return "bf16" if native and wanted != "f32" else "f32"


def arithmetic(
    wanted: Precision, capabilities: list[str], bundle: Bundle
) -> tuple[Literal["f32", "bf16", "int8"], Literal["f32", "bf16"]]:
    """The precision of a model on this processor, and that of its layers which stay in floating point.

    Raises:
        UsageError: for bfloat16 as `choose_precision`, and for int8 where the model was not brought to it.
    """
    plain = choose_precision(wanted, capabilities)
    if wanted != "int8":
        return plain, plain
    ranges_of(bundle)
    return "int8", plain


def ranges_of(bundle: Bundle) -> Ranges:
    """The ranges of a model's tensors. Raises `UsageError` where it has none."""
    if bundle.quantisation is None:
        raise UsageError(
            f"Model {bundle.name} was not brought to 8 bits: run landuse quantise MODEL CHIPS --out FILE first, or use "
            "precision auto."
        )
    return bundle.quantisation.ranges
