"""What a training has reached, on disk after each epoch, so that a killed run goes on. Plain arrays, nothing that runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

LATEST, BEST = "epoch-", "best"
SUFFIX, PARTIAL = ".safetensors", ".partial"
KEPT = 2
"""Epochs whose state is kept: should the newest be damaged, the one before serves."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A state.

    Attributes:
        arrays: by name.
        history: what was noted of each epoch so far, JSON data.
    """

    arrays: Mapping[str, Any]
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class CheckpointStore:
    """The states of one training.

    Attributes:
        folder: where they lie.
        key: digest of all that shapes the training; states of another are not used.
    """

    folder: Path
    key: str

    def save(self, arrays: Mapping[str, Any], history: list[dict[str, Any]], *, best: bool) -> None:
        """Keep the state after the last epoch of the history; the oldest states go."""
        epoch = history[-1]["epoch"]
        if best:
            self._write(BEST, arrays, history)
        self._write(f"{LATEST}{epoch:04d}", arrays, history)
        for path in sorted(self.folder.glob(f"{LATEST}*{SUFFIX}"))[:-KEPT]:
            path.unlink(missing_ok=True)

    def latest(self) -> Checkpoint | None:
        """The state after the last whole epoch; None where there is none of this training."""
        found = (self._read(path) for path in sorted(self.folder.glob(f"{LATEST}*{SUFFIX}"), reverse=True))
        return next((state for state in found if state is not None), None)

    def best(self) -> Checkpoint | None:
        """The state of the best epoch."""
        return self._read(self.folder / f"{BEST}{SUFFIX}")

    def clear(self) -> None:
        """Remove all states."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name: str, arrays: Mapping[str, Any], history: list[dict[str, Any]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{name}{PARTIAL}"
        save_file(dict(arrays), partial, metadata={"key": self.key, "history": json.dumps(history)})
        partial.replace(self.folder / f"{name}{SUFFIX}")

    def _read(self, path: Path) -> Checkpoint | None:
        try:
            with safe_open(path, framework="numpy") as file:
                said = file.metadata() or {}
                if said.get("key") != self.key:
                    return None
                return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, json.loads(said["history"]))  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, KeyError):
            return None
