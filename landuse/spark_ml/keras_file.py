"""Keras model files of unknown origin, looked at without TensorFlow: what is refused before any work."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from landuse.errors import ModelFileError

SUFFIX = ".keras"
MAX_CONFIG = 16_000_000
LAMBDAS = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
"""Parts that carry code, which runs when they are loaded or called."""


def check_keras_file(name: str | Path) -> Path:
    """The path of a `.keras` file, after a look at its description.

    Raises:
        ModelFileError: there is none, it is damaged, or it holds code of its own.
    """
    path = Path(name)
    if path.suffix != SUFFIX or not path.is_file():
        raise ModelFileError(f"There is no model file {str(name)!r}: give a {SUFFIX} file.")
    for part in _parts(_description(path)):
        kind, module = str(part.get("class_name")), part.get("module")
        foreign = isinstance(module, str) and module != "builtins" and module.split(".")[0] != "keras"
        if kind in LAMBDAS or foreign or (module is None and part.get("registered_name")):
            _refuse(path, f"its {kind[:60]!r} is code of its own, and only Keras' own layers are loaded")
    return path


def _description(path: Path) -> object:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > MAX_CONFIG:
                _refuse(path, "its description is larger than one can be")
            found: object = json.loads(archive.read("config.json"))
            return found
    except (
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        OSError,
        ValueError,
        RecursionError,
        NotImplementedError,
    ) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path} is not a {SUFFIX} file, or was cut short: save the model again.") from error


def _parts(node: object) -> Iterator[dict[str, Any]]:
    """Every described object of a configuration, without recursion."""
    waiting: list[object] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "class_name" in one:
                yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _refuse(path: Path, reason: str) -> NoReturn:
    raise ModelFileError(f"{path} cannot be used as a model: {reason}.")
