"""Cells seen beside those around them: land changes in patches that are larger than a cell, and errors of maps less so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from landuse.change.pair import CellChanges, Floats, Mask, SurveyPair

ALONE = 0.01
"""Mean probability of a change in the eight cells around at which it becomes twice as likely in their midst, where it is rare
elsewhere. Chosen on five of six real pairs and judged on the sixth, in turn: docs/change.md."""
MOST = 5.0
"""How much likelier the cells around can make a change. Fields turn in patches too: without a bound, neighbours alone made
seasons certain changes on a made landscape."""
RIM = 1
"""Cells around a window that must be known for what is said within it."""
CACHED, MOST_VALUES = 2**18, 2**20
"""Joint probabilities that a processor's cache holds, and how many are in memory at once."""
FEW_LINES = 10
"""Lines that are worth more than the cache: those above and below are inferred a second time."""


def changes_beside(
    pair: SurveyPair, joint: Callable[[SurveyPair], Floats], usual: Floats, alone: float = ALONE
) -> CellChanges:
    """What `joint` says of cells, beside what it says of the eight around each.

    The odds of each change, from i to j, against no change are multiplied by (m + `alone`) / (`usual` + `alone`), where that is
    above 1, and at most by `MOST`, with m the mean probability of that very change in the eight cells around. Cells that are
    not among those given are unchanged.

    Args:
        pair: cells in image order.
        joint: from some cells to the probability (n, K, K) of each pair of their classes, each by itself.
        usual: (K, K) mean probability of each change over all cells: what is around most of them holds no news.
        alone: see `ALONE`.
    """
    if not len(pair):
        return pair.changes(joint)
    width, classes = int(np.ptp(pair.columns)) + 1, pair.before.shape[1]
    line, last = width * classes**2, int(pair.lines[-1])
    height = max(1, CACHED // line, min(FEW_LINES, MOST_VALUES // line))
    parts = []
    for top in range(int(pair.lines[0]), last + 1, height):
        near = pair.take((pair.lines >= top - RIM) & (pair.lines < top + height + RIM))
        inside = (near.lines >= top) & (near.lines < top + height)
        if inside.any():
            parts.append(CellChanges.of(_raised(near, joint(near), inside, usual, alone), near.labels[inside]))
    return CellChanges.joined(parts)


def _raised(near: SurveyPair, joint: Floats, inside: Mask, usual: Floats, alone: float) -> Floats:
    """Joint probabilities of the cells inside, raised by those of the cells around them."""
    classes = joint.shape[1]
    lines, columns = near.lines - near.lines[0], near.columns - near.columns.min()
    image = np.zeros((int(lines[-1]) + 1 + 2 * RIM, int(columns.max()) + 1 + 2 * RIM, classes, classes))
    image[lines + RIM, columns + RIM] = joint
    image = image[:-2] + image[1:-1] + image[2:]
    image = image[:, :-2] + image[:, 1:-1] + image[:, 2:]
    around = image[lines[inside], columns[inside]] - joint[inside]
    factor = np.clip((around / 8 + alone) / (usual + alone), 1, MOST)
    every = np.arange(classes)
    factor[:, every, every] = 1.0
    raised = joint[inside] * factor
    return np.asarray(raised / raised.sum(axis=(1, 2), keepdims=True))
