"""What a record says of the machine that made it, taken out: folders of the sender are nobody else's business."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from landuse.outputs.record import RECORD, RunRecord
from landuse.outputs.stac import ITEM

OF_MAPS = ("landuse.tif", "probabilities.tif", "chips.parquet", RECORD)
DERIVED = "derived_from"


def without_places(record: RunRecord, item: str | None) -> tuple[str, str | None]:
    """`run.json` and `item.json` (or None) of a folder without a path of this machine, and with the digest of the new item.

    An input is named by its file, one of a map by its folder too; an option that is a path by its last part.
    """
    outputs = dict(record.outputs)
    cleaned = None if item is None else _travelling(item, set(outputs))
    if cleaned is not None and ITEM in outputs:
        outputs[ITEM] = f"sha256:{hashlib.sha256(cleaned.encode()).hexdigest()}"
    inputs = tuple(one.model_copy(update={"path": _input_name(one.path)}) for one in record.inputs)
    options = {key: _last_part(value) for key, value in record.options.items()}
    details = {key: _no_absolute(value) for key, value in record.details.items()}
    kept = record.model_copy(update={"inputs": inputs, "options": options, "details": details, "outputs": outputs})
    return json.dumps(kept.model_dump(mode="json"), indent=1) + "\n", cleaned


def _input_name(path: str) -> str:
    parts = _parts(path)
    return "/".join(parts[-2:] if parts[-1] in OF_MAPS else parts[-1:])


def _parts(path: str) -> Sequence[str]:
    return PureWindowsPath(path).parts if "\\" in path else PurePosixPath(path).parts or (path,)


def _last_part(value: Any) -> Any:  # noqa: ANN401
    """A text with a slash by what follows the last one; the same within lists and mappings."""
    if isinstance(value, str) and ("/" in value or "\\" in value):
        return _parts(value)[-1]
    return _within(value, _last_part)


def _no_absolute(value: Any) -> Any:  # noqa: ANN401
    """A text that is an absolute path by its last part; the same within lists and mappings."""
    if isinstance(value, str) and (PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute()):
        return _parts(value)[-1]
    return _within(value, _no_absolute)


def _within(value: Any, change: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {key: change(inner) for key, inner in value.items()}
    return [change(inner) for inner in value] if isinstance(value, list | tuple) else value


def _travelling(item: str, files: Set[str]) -> str:
    """An item of the files that travel, without links to what it was derived from, which does not."""
    content = json.loads(item)
    content["assets"] = {name: about for name, about in content.get("assets", {}).items() if name in files}
    content["links"] = [link for link in content.get("links", ()) if link.get("rel") != DERIVED]
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def names_sender(text: bytes, folders: Sequence[Path]) -> bool:
    """Whether a file's bytes hold the path of one of some folders of this machine."""
    return any(str(folder).encode() in text for folder in folders)
