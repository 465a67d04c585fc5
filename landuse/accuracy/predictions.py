"""Reference and prediction side by side: from a table, or as a model gives them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.errors import ConfigError, SourceNotFoundError

MOST_CLASSES = 255
PREFIX = "p_"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Labelled rows with what was predicted for them.

    Attributes:
        names: the K class names.
        truth: int64 (n,) positions in `names`.
        prediction: int64 (n,) likewise.
        probabilities: float64 (n, K), or None where there are labels only.
    """

    names: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64] | None = None


def read_predictions(path: Path) -> Predictions:
    """Read a CSV with the columns label, prediction and, if wanted, one p_<class> for every class.

    Other columns are left alone. The classes are those of the p_ columns in their order, else all that occur, sorted.

    Raises:
        SourceNotFoundError: there is no such file.
        ConfigError: it is no such table; the sentence names the column or the line.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}; give a table of predictions as CSV.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(reader, [])]
            columns = _columns(path, header)
            labels, predictions, scores = _rows(path, reader, columns)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a CSV table: {' '.join(str(error).split())}.") from error
    names = tuple(columns.classes) or tuple(sorted({*labels, *predictions}))
    if not names:
        raise ConfigError(f"{path} has no rows, so there is nothing to compare.")
    _check_names(path, names, {*labels, *predictions})
    position = {name: index for index, name in enumerate(names)}
    return Predictions(
        names,
        np.array([position[x] for x in labels], np.int64),
        np.array([position[x] for x in predictions], np.int64),
        np.array(scores, np.float64).reshape(-1, len(names)) if columns.classes else None,
    )


@dataclass(frozen=True)
class _Columns:
    """Where the columns stand."""

    width: int
    label: int
    prediction: int
    classes: dict[str, int]


def _columns(path: Path, header: Sequence[str]) -> _Columns:
    for name in ("label", "prediction"):
        if header.count(name) != 1:
            raise ConfigError(f"{path} needs one column {name!r}; it has {', '.join(header[:20]) or 'none at all'}.")
    twice = sorted({name for name in header if name.startswith(PREFIX) and header.count(name) > 1})
    if twice:
        raise ConfigError(f"{path} has the column {twice[0]!r} twice.")
    classes = {name.removeprefix(PREFIX): index for index, name in enumerate(header) if name.startswith(PREFIX)}
    return _Columns(len(header), header.index("label"), header.index("prediction"), classes)


def _rows(path: Path, reader: Iterator[list[str]], columns: _Columns) -> tuple[list[str], list[str], list[list[float]]]:
    """Labels, predictions and probabilities of every line that is not empty."""
    labels, predictions, scores = [], [], []
    for line, row in enumerate(reader, 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != columns.width:
            raise ConfigError(f"{path}, line {line}: there are {len(row)} values for {columns.width} columns.")
        label, prediction = row[columns.label].strip(), row[columns.prediction].strip()
        if not label or not prediction:
            raise ConfigError(f"{path}, line {line}: the label or the prediction is empty; leave such rows out.")
        labels.append(label)
        predictions.append(prediction)
        scores.append([_probability(path, line, row[index]) for index in columns.classes.values()])
    return labels, predictions, scores


def _probability(path: Path, line: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise ConfigError(f"{path}, line {line}: {text!r} is no probability from 0 to 1.")
    return value


def _check_names(path: Path, names: Sequence[str], occurring: set[str]) -> None:
    strange = sorted(occurring - set(names))
    if strange:
        raise ConfigError(f"{path} has the class {strange[0]!r} but no column {PREFIX + strange[0]!r} for it.")
    if len(names) > MOST_CLASSES:
        raise ConfigError(f"{path} has {len(names)} different labels, so its column 'label' holds no class names.")


def write_confusion(path: Path, names: Sequence[str], matrix: npt.NDArray[np.int64]) -> None:
    """Write counts with a header; a line a reference class, a column a predicted class."""
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["label", *names])
        writer.writerows([name, *counts] for name, counts in zip(names, matrix.tolist(), strict=True))
