"""What a model has learnt from: a short mark of each sample, kept in the model file, so that it is told where they judge it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.chips import ChipSet
from landuse.training.split import Mask

Marks = npt.NDArray[np.uint32]
FIELD = "sample_marks"
MOST = 2**17
"""Marks that a model file keeps, the smallest: half a megabyte. Of more samples than that it knows a part."""
WHOLE = 2**22
"""Bytes up to which all of a file is looked at: chips and pictures. Of a longer one three pieces are."""
PIECE = 2**16
STORED = np.dtype("<u4")


@dataclass(frozen=True, eq=False)
class SampleMarks:
    """The samples that a model was trained on, told by marks.

    Attributes:
        marks: uint32 (m,), sorted. Two samples share one by chance once in four thousand million.
        whole: whether these are all, or only the smallest of them.
    """

    marks: Marks
    whole: bool = True

    @classmethod
    def of(cls, training: Mapping[str, object]) -> SampleMarks | None:
        """What the `training` of a model says; None of a model that does not know."""
        found = training.get(FIELD)
        if not isinstance(found, Mapping) or not isinstance(found.get("marks"), str):
            return None
        try:
            data = base64.b64decode(found["marks"], validate=True)
        except (binascii.Error, ValueError):
            return None
        if not data or len(data) % STORED.itemsize:
            return None
        return cls(np.sort(np.frombuffer(data, STORED).astype(np.uint32)), found.get("whole") is True)

    def as_dict(self) -> dict[str, str | bool]:
        """What `of` reads, fit for JSON."""
        kept = np.unique(self.marks)[:MOST]
        text = base64.b64encode(kept.astype(STORED).tobytes()).decode()
        return {"marks": text, "whole": self.whole and len(kept) == len(np.unique(self.marks))}

    def holds(self, marks: Marks) -> Mask:
        """Which of some samples are among them, bool (n,)."""
        return np.isin(marks, self.marks)


def file_marks(paths: Sequence[Path]) -> Marks:
    """A mark of the content of each file, uint32 (n,), whatever it is called and wherever; 0 where it cannot be read."""
    with ThreadPoolExecutor(4) as pool:
        digests = pool.map(_signature, paths)
        return np.array([_mark(digest) if digest else 0 for digest in digests], np.uint32)


def chip_marks(chips: ChipSet) -> Marks:
    """A mark of each chip, uint32 (n,): of its ground and of the content of the imagery that it is read from."""
    paths = list(dict.fromkeys(path for source in chips.survey.sources for path in source.paths))
    with ThreadPoolExecutor(4) as pool:
        contents = dict(zip(paths, pool.map(_signature, map(Path, paths)), strict=True))
    # What cannot be read here (an object of a store, say) goes by its name.
    sources = ["".join(contents[path] or Path(path).name for path in source.paths) for source in chips.survey.sources]
    grid = json.dumps(
        {name: value for name, value in chips.grid.as_dict().items() if name != "chip_px"}, sort_keys=True
    )
    cells = zip(chips.rows.tolist(), chips.cols.tolist(), strict=True)
    texts = (
        f"{grid};{row},{col};{'|'.join(sorted(sources[i] for i in chips.sources[position]))}"
        for position, (row, col) in enumerate(cells)
    )
    return np.array([_mark(text) for text in texts], np.uint32)


def _signature(path: Path) -> str:
    """SHA-256 of a file, or of its size and of its first, middle and last piece; empty where it cannot be read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if size <= WHOLE:
                return hashlib.sha256(file.read()).hexdigest()
            digest = hashlib.sha256(str(size).encode())
            for start in sorted({0, max(0, size // 2 - PIECE // 2), max(0, size - PIECE)}):
                file.seek(start)
                digest.update(file.read(PIECE))
    except OSError:
        return ""
    return digest.hexdigest()


def _mark(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
