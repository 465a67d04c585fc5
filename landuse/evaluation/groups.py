"""The same rows in coarser classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landuse.errors import ConfigError
from landuse.evaluation.predictions import Judged, MultiPredictions, Predictions
from landuse.legend import UNMAPPED, Legend


def regrouped(rows: Judged, legend: Legend, groups: Legend) -> Judged:
    """Rows in the classes of `groups`.

    A row's predicted group is that of its predicted class; a group's probability is the sum of its classes' (where rows have
    several labels there is none, because such probabilities do not add up). A row with several labels is of every group that
    one of its classes is of.

    Raises `ConfigError` where a class has no group.
    """
    group_of = group_positions(rows.names, legend, groups)
    member = group_of[:, None] == np.arange(len(groups))
    if isinstance(rows, MultiPredictions):
        return MultiPredictions(groups.names, rows.truth @ member, rows.prediction @ member, groups=rows.groups)
    scores = None if rows.probabilities is None else np.clip(rows.probabilities @ member, 0.0, 1.0)
    return Predictions(groups.names, group_of[rows.truth], group_of[rows.prediction], scores, rows.groups)


def group_positions(names: Sequence[str], legend: Legend, groups: Legend) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Position in `groups` of each class name (K,). Raises `ConfigError` where `legend` lacks the class or its group."""
    codes = np.array([legend.code_of(name) for name in names])
    if UNMAPPED in codes:
        strange = names[int(np.flatnonzero(codes == UNMAPPED)[0])]
        raise ConfigError(
            f"Legend {legend.name} has no class {strange!r}; give the legend of these classes as --legend."
        )
    position = {code: index for index, code in enumerate(groups.codes)}
    return np.array([position[code] for code in legend.regroup(groups)[codes].tolist()], np.int64)


def members_of(names: Sequence[str], legend: Legend, groups: Legend) -> dict[str, list[str]]:
    """The classes that make up each group."""
    found = group_positions(names, legend, groups).tolist()
    return {
        group: [name for name, own in zip(names, found, strict=True) if own == index]
        for index, group in enumerate(groups.names)
    }
