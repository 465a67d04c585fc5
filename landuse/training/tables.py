"""Tables of labels: CSV or Parquet, a line an image or a chip.

Columns: `path` or `chip_id`; `label`, or `labels` (in Parquet a list, in CSV names with ";" between them); perhaps `weight`,
`split` (train, val, test) and a column to group by. Others are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from landuse.errors import ConfigError, SourceNotFoundError
from landuse.training.listing import ImageList, is_multi_label
from landuse.training.split import Mask, Names, given_sides

SEPARATOR = ";"
TABLES = {".csv", ".parquet", ".pq"}
KEYS, LABELS = ("path", "chip_id"), ("label", "labels")


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The lines of a table that have a label.

    Attributes:
        key: ``path`` or ``chip_id``.
        keys: n texts of that column.
        labels: n tuples of label names.
        multi: whether labels come as lists and some line has none or two.
    """

    path: Path
    key: str
    keys: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    multi: bool
    weights: npt.NDArray[np.float64] | None
    groups: Names | None
    sides: Mask | None
    skipped: tuple[str, ...]


def is_table(path: Path) -> bool:
    """Whether a path has the name of a table."""
    return path.suffix.lower() in TABLES


def read_table(path: Path, group_by: str | None = None) -> LabelTable:
    """Read a table that anybody may have written.

    Raises:
        SourceNotFoundError: there is no such file.
        ConfigError: it is no such table; the sentence names the column or the line.
        UsageError: a value of `split` is none of train, val and test.
    """
    table = _load(path)
    key, label = _one_of(path, table, KEYS), _one_of(path, table, LABELS)
    if group_by is not None and group_by not in table.column_names:
        raise ConfigError(f"{path} has no column {group_by!r} to group by; it has {_named(table)}.")
    keys, values = table[key].to_pylist(), table[label].to_pylist()
    lists = label == "labels" or pa.types.is_list(table[label].type) or pa.types.is_large_list(table[label].type)
    labels = [_label_list(path, line, value, lists) for line, value in enumerate(values, 2)]
    kept = [
        i for i, (k, names) in enumerate(zip(keys, labels, strict=True)) if k not in (None, "") and names is not None
    ]
    skipped = tuple(f"{path}, line {i + 2}: no {key} or no label" for i in sorted(set(range(len(keys))) - set(kept)))
    if not kept:
        raise ConfigError(f"{path} has no line with a {key} and a label.")
    chosen = tuple(names for i in kept if (names := labels[i]) is not None)
    return LabelTable(
        path,
        key,
        tuple(str(keys[i]) for i in kept),
        chosen,
        lists and is_multi_label(chosen),
        _weights(path, table, kept),
        None if group_by is None else np.array([str(v) for v in table[group_by].take(kept).to_pylist()], dtype=object),
        given_sides(table["split"].take(kept).to_pylist(), str(path)) if "split" in table.column_names else None,
        skipped,
    )


def table_images(table: LabelTable, root: Path | None) -> ImageList:
    """The images of a table with the column `path`.

    Args:
        root: folder that paths are relative to; None is the table's own.

    Raises:
        ConfigError: a path leaves the root, or the root is no folder.
    """
    base = root or table.path.parent
    paths = tuple(inside(base, name, table.path) for name in table.keys)
    return ImageList(
        table.path.stem, paths, table.labels, table.multi, table.weights, table.groups, table.sides, table.skipped
    )


def inside(root: Path, name: str, where: Path) -> Path:
    """`name` below `root`. Raises `ConfigError` where it leads out of it, by dots, by a link or as an absolute path."""
    try:
        path = (root / name).resolve()
        fits = path.is_relative_to(root.resolve())
    except (ValueError, OSError, RuntimeError):  # a NUL, a name too long, a loop of links
        fits = False
    if not fits:
        raise ConfigError(
            f"{where}: the path {name[:200]!r} leads out of {root}; give the folder that holds it as --root."
        )
    return path


def _load(path: Path) -> pa.Table:
    """The whole table; the columns of names as text, whatever they look like."""
    if not path.is_file():
        raise SourceNotFoundError(f"There is no table {path}.")
    text = {name: pa.string() for name in (*KEYS, *LABELS, "split")}
    options = pcsv.ConvertOptions(column_types=text, strings_can_be_null=True, null_values=[""])
    try:
        table = pcsv.read_csv(path, convert_options=options) if path.suffix.lower() == ".csv" else pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a table that can be read: {' '.join(str(error).split())[:300]}.") from error
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise ConfigError(f"{path} has the column {twice[0]!r} twice.")
    return table


def _one_of(path: Path, table: pa.Table, names: Sequence[str]) -> str:
    found = [name for name in names if name in table.column_names]
    if len(found) != 1:
        raise ConfigError(f"{path} needs one column {' or '.join(map(repr, names))}; it has {_named(table)}.")
    return found[0]


def _named(table: pa.Table) -> str:
    return ", ".join(table.column_names[:20]) or "no columns"


def _label_list(path: Path, line: int, value: Any, lists: bool) -> tuple[str, ...] | None:  # noqa: ANN401
    """Labels of one line; None where it has none. An empty list, in CSV a lone ";", says that the image is of no class."""
    if value is None:
        return None
    if isinstance(value, list):
        names = [str(v).strip() for v in value if v is not None]
    else:
        names = str(value).split(SEPARATOR) if lists else [str(value)]
        names = [n.strip() for n in names if n.strip()]
        if not names:
            return () if lists and SEPARATOR in str(value) else None
    if any(not n or len(n) > 80 for n in names):
        raise ConfigError(f"{path}, line {line}: a label has 1 to 80 signs.")
    return tuple(dict.fromkeys(names))


def _weights(path: Path, table: pa.Table, kept: Sequence[int]) -> npt.NDArray[np.float64] | None:
    if "weight" not in table.column_names:
        return None
    try:
        values = np.array([float(v) for v in table["weight"].take(kept).to_pylist()], np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: the column 'weight' holds something that is no number.") from error
    if not (np.isfinite(values).all() and (values >= 0).all() and values.any()):
        raise ConfigError(f"{path}: weights are numbers from 0, and not all of them 0.")
    return values
