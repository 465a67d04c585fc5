"""Running a model: one protocol, two interpreters, and a cache of what is compiled."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from landuse.engine.parts import part_key
from landuse.errors import UsageError
from landuse.models.arrays import Kind, Precision, Prediction, Runtime

__all__ = ["Kind", "Precision", "Prediction", "Runtime", "open_runtime", "read_cached"]
if TYPE_CHECKING:
    from landuse.models.bundle import Bundle

_OPEN: dict[tuple[str, Kind, Precision, int], Runtime] = {}
VERSION = 1
"""Changes where images are read in another way than before."""


def open_runtime(
    bundle: Bundle | Path, *, kind: Kind = "openvino", precision: Precision = "auto", threads: int = 0
) -> Runtime:
    """The runtime of a model. Compiled once a process; later calls with an equal model get the same one.

    Args:
        bundle: a model, or its file.
        kind: "openvino", or "tensorflow" (slower; importing it takes seconds).
        precision: "auto" takes bfloat16 where the processor computes in it natively, and float32 elsewhere; "int8" needs a
            model that was brought to it.
        threads: threads of one inference; 0 leaves it to the library.

    Raises:
        ModelFileError: for a file that is not a sound model.
        UsageError: for a precision that this machine or this runtime does not have.
    """
    model = read_cached(bundle) if isinstance(bundle, Path) else bundle
    key = (model.digest, kind, precision, threads)
    if key not in _OPEN:
        _OPEN[key] = _open(model, kind, precision, threads)
    return _OPEN[key]


def _open(bundle: Bundle, kind: Kind, precision: Precision, threads: int) -> Runtime:
    if kind == "openvino":
        from landuse.models.openvino_runtime import OpenVinoRuntime

        return OpenVinoRuntime(bundle, precision, threads)
    if kind == "tensorflow":
        from landuse.models.keras_runtime import KerasRuntime

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
