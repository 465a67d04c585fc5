"""Tables of predictions as CSV, which anybody may have written."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landuse.errors import ConfigError, SourceNotFoundError, UsageError
from landuse.evaluation.predictions import Floats, Judged, Mask, MultiPredictions, Predictions
from landuse.legend import same_name
from landuse.options.results import EvaluateOptions
from landuse.text import counted

MOST_CLASSES = 255
LONGEST_NAME = 80
PREFIX = "p_"
SEPARATORS = re.compile("[;|]")
HALF = 0.5


@dataclass(frozen=True)
class _Columns:
    """Where the columns stand; `prediction` is None where the probabilities decide."""

    path: Path
    width: int
    label: int
    prediction: int | None
    group: int | None
    classes: dict[str, int]
    plural: bool


@dataclass(frozen=True)
class _Rows:
    """The cells of the rows that are not empty."""

    lines: list[int]
    labels: list[str]
    predictions: list[str]
    groups: list[str]
    scores: list[list[float]]


def read_predictions(path: Path, options: EvaluateOptions | None = None) -> Judged:
    """Read a CSV with the columns label, prediction and, if wanted, one p_<class> for every class.

    The columns may be called labels and predictions, and hold several labels a row. Without predictions the probabilities
    decide: the largest, or with several labels all from the threshold up; thresholds that are given outweigh a column of
    predictions. Other columns are left alone. The classes are those of the p_ columns in their order, else all that occur,
    sorted.

    Raises:
        SourceNotFoundError: there is no such file.
        ConfigError: it is no such table; the sentence names the column or the line.
        UsageError: thresholds that the table has no use for.
    """
    options = options or EvaluateOptions()
    columns, rows = _read(path, options)
    multi = options.multi_label if options.multi_label is not None else columns.plural or _is_multi_label(rows, columns)
    if not multi and options.thresholds:
        raise UsageError(f"{path} has one label a row, so --threshold has no use; for several give --multi-label.")
    return _multi_label(columns, rows, options) if multi else _one_label(columns, rows)


def parse_thresholds(texts: Sequence[str], names: Sequence[str]) -> Floats:
    """Thresholds (K,) of texts such as ``0.4`` or ``Forest=0.3``; 0.5 where none is given. Raises `UsageError`."""
    found = np.full(len(names), HALF)
    for text in sorted(texts, key=lambda t: "=" in t):  # one for all first, so that single ones outweigh it
        name, _, number = text.rpartition("=")
        if name and name not in names:
            raise UsageError(f"--threshold {text}: there is no class {name!r}; there are {', '.join(names)}.")
        try:
            value = float(number)
        except ValueError:
            value = np.nan
        if not 0 <= value <= 1:
            raise UsageError(f"--threshold {text}: write a number from 0 to 1, or CLASS=NUMBER.")
        found[names.index(name) if name else slice(None)] = value
    return found


def _read(path: Path, options: EvaluateOptions) -> tuple[_Columns, _Rows]:
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}; give a table of predictions as CSV.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            columns = _columns(path, [name.strip() for name in next(reader, [])], options)
            return columns, _rows(reader, columns)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a CSV table: {' '.join(str(error).split())}.") from error


def _columns(path: Path, header: Sequence[str], options: EvaluateOptions) -> _Columns:
    classes = {name.removeprefix(PREFIX): index for index, name in enumerate(header) if name.startswith(PREFIX)}
    twice = sorted({name for name in header if name.startswith(PREFIX) and header.count(name) > 1})
    if twice:
        raise ConfigError(f"{path} has the column {twice[0]!r} twice.")
    group = options.group_by
    if group is not None and header.count(group) != 1:
        raise ConfigError(f"{path} needs one column {group!r} to group by; it has {_listed(header)}.")
    if options.thresholds and not classes:
        raise ConfigError(f"{path} has no probabilities (columns {PREFIX}<class>) for --threshold.")
    return _Columns(
        path,
        len(header),
        _column(path, header, "label"),
        None if classes and not _names(header, "prediction") else _column(path, header, "prediction"),
        None if group is None else header.index(group),
        classes,
        bool({"labels", "predictions"} & set(header)),
    )


def _names(header: Sequence[str], name: str) -> list[str]:
    return [found for found in header if found in (name, name + "s")]


def _column(path: Path, header: Sequence[str], name: str) -> int:
    found = _names(header, name)
    if len(found) != 1:
        raise ConfigError(f"{path} needs one column {name!r}; it has {_listed(header)}.")
    return header.index(found[0])


def _listed(header: Sequence[str]) -> str:
    return ", ".join(header[:20]) or "none at all"


def _rows(reader: Iterator[list[str]], columns: _Columns) -> _Rows:
    """The cells of every line that is not empty."""
    found = _Rows([], [], [], [], [])
    for line, row in enumerate(reader, 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != columns.width:
            raise ConfigError(
                f"{columns.path}, line {line}: {counted(len(row), 'value')} for {counted(columns.width, 'column')}."
            )
        found.lines.append(line)
        found.labels.append(row[columns.label].strip())
        found.predictions.append("" if columns.prediction is None else row[columns.prediction].strip())
        found.groups.append("" if columns.group is None else row[columns.group].strip())
        found.scores.append([_probability(columns.path, line, row[index]) for index in columns.classes.values()])
    return found


def _probability(path: Path, line: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise ConfigError(f"{path}, line {line}: {text[:40]!r} is no probability from 0 to 1.")
    return value


def _is_multi_label(rows: _Rows, columns: _Columns) -> bool:
    """Whether a cell holds more than one label, rather than a class whose name has a separator in it."""
    return any(SEPARATORS.search(cell) for cell in {*rows.labels, *rows.predictions} - set(columns.classes))


def _one_label(columns: _Columns, rows: _Rows) -> Predictions:
    decided = columns.prediction is not None
    for line, label, prediction in zip(rows.lines, rows.labels, rows.predictions, strict=True):
        if not label or (decided and not prediction):
            raise ConfigError(
                f"{columns.path}, line {line}: the label or the prediction is empty; leave such rows out."
            )
    names = _class_names(columns, {*rows.labels, *(rows.predictions if decided else ())})
    place = _places(names, {*rows.labels, *rows.predictions})
    scores = _scores(columns, rows)
    return Predictions(
        names,
        np.array([place[x] for x in rows.labels], np.int64),
        np.array([place[x] for x in rows.predictions], np.int64)
        if decided or scores is None
        else scores.argmax(axis=1).astype(np.int64),
        scores,
        _groups(columns, rows),
    )


def _multi_label(columns: _Columns, rows: _Rows, options: EvaluateOptions) -> MultiPredictions:
    labels, predictions = ([_labels_in(cell) for cell in cells] for cells in (rows.labels, rows.predictions))
    names = _class_names(columns, {name for lists in (labels, predictions) for row in lists for name in row})
    scores = _scores(columns, rows)
    by_threshold = scores is not None and (columns.prediction is None or bool(options.thresholds))
    thresholds = parse_thresholds(options.thresholds, names) if by_threshold else None
    return MultiPredictions(
        names,
        _indicators(labels, names),
        _indicators(predictions, names) if scores is None or thresholds is None else scores >= thresholds,
        scores,
        thresholds,
        _groups(columns, rows),
    )


def _labels_in(cell: str) -> list[str]:
    return [part.strip() for part in SEPARATORS.split(cell) if part.strip()]


def _indicators(lists: Sequence[Sequence[str]], names: Sequence[str]) -> Mask:
    place = _places(names, {label for labels in lists for label in labels})
    found = np.zeros((len(lists), len(names)), np.bool_)
    for row, labels in enumerate(lists):
        found[row, [place[label] for label in labels]] = True
    return found


def _places(names: Sequence[str], occurring: Iterable[str]) -> dict[str, int]:
    """Position in `names` of what occurs: of the name as it is, else of one that `same_name` holds for the same."""
    exact = {name: index for index, name in enumerate(names)}
    alike = {same_name(name): index for index, name in reversed(list(enumerate(names)))}
    found = {text: exact.get(text, alike.get(same_name(text), -1)) for text in occurring}
    return {text: place for text, place in found.items() if place >= 0}


def _scores(columns: _Columns, rows: _Rows) -> Floats | None:
    return np.array(rows.scores, np.float64).reshape(-1, len(columns.classes)) if columns.classes else None


def _groups(columns: _Columns, rows: _Rows) -> np.ndarray[tuple[int], np.dtype[np.object_]] | None:
    return None if columns.group is None else np.array(rows.groups, dtype=object)


def _class_names(columns: _Columns, occurring: set[str]) -> tuple[str, ...]:
    """The classes, checked."""
    spellings = {same_name(name): name for name in sorted(occurring, reverse=True)}
    path, names = columns.path, tuple(columns.classes) or tuple(sorted(spellings.values()))
    if not names:
        raise ConfigError(f"{path} has no rows, so there is nothing to compare.")
    strange = sorted(occurring - _places(names, occurring).keys())
    if strange:
        raise ConfigError(f"{path} has the class {strange[0]!r} but no column {PREFIX + strange[0]!r} for it.")
    if len(names) > MOST_CLASSES:
        raise ConfigError(f"{path} has {len(names)} different labels, so its column 'label' holds no class names.")
    if any(not name or len(name) > LONGEST_NAME for name in names):
        raise ConfigError(f"{path}: a class name has 1 to {LONGEST_NAME} signs, and one has not.")
    return names
