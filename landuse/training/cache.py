"""Features kept by content: computed once for a backbone and an image, and used for every head, setting and fold.

A cache is a folder with one folder a backbone, and in it segments, each a safetensors file with the `keys` (uint8 (n, 32)) and
the `features` (float32 (n, d)) that one run computed. Nothing in it can run. A segment appears whole or not at all; a damaged
one is removed. Together the segments stay under a bound, and those unused for longest go first.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from landuse.errors import LanduseWarning
from landuse.models.libraries import ov
from landuse.models.runtime import backbone_key, read_cached
from landuse.scoring import ScoreSettings
from landuse.training.samples import SampleSettings
from landuse.training.split import Mask

ENVIRONMENT = "LANDUSE_CACHE"
MOST_BYTES = 4 * 2**30
SEGMENT, PARTIAL = ".safetensors", ".partial"
LEFT_OVER_S = 3600
Floats = npt.NDArray[np.float32]


def cache_folder() -> Path:
    """``LANDUSE_CACHE``, or ``~/.cache/landuse``; features lie in its folder ``features``."""
    given = os.environ.get(ENVIRONMENT)
    return (Path(given) if given else Path.home() / ".cache" / "landuse") / "features"


def content_key(text: str) -> bytes:
    """The key of an image from whatever identifies its content, 32 bytes."""
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True)
class FeatureCache:
    """The features of one backbone.

    Attributes:
        folder: of this backbone alone.
    """

    folder: Path
    width: int
    most_bytes: int = MOST_BYTES

    def find(self, keys: Sequence[bytes]) -> tuple[Floats, Mask]:
        """Features float32 (n, width), NaN where there are none, and where there are some, bool (n,)."""
        features = np.full((len(keys), self.width), np.nan, np.float32)
        wanted = {key: position for position, key in enumerate(keys)}
        for segment in sorted(self.folder.glob(f"*{SEGMENT}")):
            found = self._read(segment, wanted)
            if found is not None and len(found[0]):
                features[found[0]] = found[1]
        features = features[[wanted[key] for key in keys]]  # equal images stand several times
        return features, np.asarray(np.isfinite(features).all(axis=1))

    def add(self, keys: Sequence[bytes], features: Floats) -> None:
        """Keep features float32 (n, width) under their keys. A folder that cannot be written costs a warning, no run."""
        if not len(keys):
            return
        arrays = {
            "keys": np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 32).copy(),
            "features": np.ascontiguousarray(features, np.float32),
        }
        partial = self.folder / f"{uuid.uuid4().hex}{PARTIAL}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file(arrays, partial)
            partial.replace(partial.with_suffix(SEGMENT))
            trim(self.folder.parent, self.most_bytes)
        except (OSError, SafetensorError) as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            warnings.warn(f"Features are not kept in {self.folder}: {error}.", LanduseWarning, stacklevel=2)

    def _read(self, segment: Path, wanted: dict[bytes, int]) -> tuple[list[int], Floats] | None:
        """Positions that a segment has features for, and those; None where it is damaged."""
        try:
            with safe_open(segment, framework="numpy") as file:
                stored = [row.tobytes() for row in file.get_tensor("keys")]
                here = [(row, wanted[key]) for row, key in enumerate(stored) if key in wanted]
                if not here:
                    return [], np.empty((0, self.width), np.float32)
                features = file.get_tensor("features")
            if features.shape != (len(stored), self.width) or features.dtype != np.float32:
                raise ValueError("the features do not fit the keys")
        except (SafetensorError, ValueError):
            with suppress(OSError):
                segment.unlink(missing_ok=True)
            return None
        except OSError:
            return None
        with suppress(OSError):
            segment.touch()  # the order in which segments go
        return [position for _, position in here], features[[row for row, _ in here]]


def trim(folder: Path, most_bytes: int) -> None:
    """Remove the segments below `folder` that were unused for longest, until the rest holds at most `most_bytes`.

    What a killed run left half written goes too.
    """
    for path in folder.rglob(f"*{PARTIAL}"):
        if time.time() - path.stat().st_mtime > LEFT_OVER_S:
            path.unlink(missing_ok=True)
    found = [(path, path.stat()) for path in folder.rglob(f"*{SEGMENT}")]
    total = sum(state.st_size for _, state in found)
    for path, state in sorted(found, key=lambda entry: entry[1].st_mtime):
        if total <= most_bytes:
            return
        path.unlink(missing_ok=True)
        total -= state.st_size


def open_cache(settings: SampleSettings) -> FeatureCache | None:
    """The part of a cache that holds this backbone's features as these settings compute them; None without a cache."""
    if settings.cache is None or not settings.score.features:
        return None
    key = backbone_key(read_cached(settings.score.model), settings.score.runtime, arithmetic(settings.score))
    return FeatureCache(settings.cache / key, settings.width)


def arithmetic(settings: ScoreSettings) -> str:
    """What this machine computes in, where the settings leave it open."""
    if settings.runtime != "openvino" or settings.precision == "int8":
        return settings.precision
    from landuse.models.runtime import choose_precision

    return choose_precision(settings.precision, ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
