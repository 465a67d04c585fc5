"""One hidden Markov chain over the surveys of a place: what its class was at each date, seen through several uncertain looks.

The class of a cell moves from survey to survey with probabilities that grow with the years between them,

    A(gap) = (1 - c) I + c M,   c = 1 - (1 - rate)^gap,

where M says where a class goes once it goes. Forward and backward passes give the probability of every pair of classes of two
surveys, given all of them; Viterbi's path is the likeliest story (Rabiner 1989). A survey that misses a cell says nothing of
it. A class that is seen once between two looks at another (A, B, A) needs two changes, and is taken for an error of one map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.change.pair import Floats
from landuse.errors import ConfigError
from landuse.grid import IntArray
from landuse.plain_yaml import read_yaml

RATE, STRENGTH = 0.005, 50.0
"""Share of cells thought to change in a year, and how many cells that belief weighs."""
ROUNDS = 20
AT_ONCE = 2**14
SETTLED = 1e-4


@dataclass(frozen=True, eq=False)
class Chain:
    """n cells in T surveys.

    Attributes:
        looks: (T, n, K) how likely what each survey shows is for each class, up to a factor a cell; 1 where it misses the cell.
        start: (K,) shares of the classes in the first survey.
        moves: (T - 1, K, K) probabilities of the class after, given that before; rows sum to 1.
        odds: (T - 1, n) how much likelier than by the classes alone a cell is to have changed from each survey to the next.
    """

    looks: Floats
    start: Floats
    moves: Floats
    odds: Floats

    @classmethod
    def fitted(cls, looks: Floats, odds: Floats, shares: Floats, years: Floats, weights: Floats | None = None) -> Chain:
        """The chain of cells, with its moves learnt from all of them.

        Args:
            looks, odds: see above.
            shares: (K,) of the classes.
            years: (T,) dates, ascending.
            weights: (K, K) how much likelier a move is than others, 1 for no opinion; the diagonal does not count.
        """
        prior = np.stack([_moves(gap, shares, weights) for gap in np.diff(years)])
        chain = cls(looks, shares, prior, odds)
        for _ in range(ROUNDS):
            better = chain._improved(prior)
            step = float(np.abs(better.moves - chain.moves).max())
            chain = better
            if step < SETTLED:
                break
        return chain

    def parts(self) -> Iterator[Chain]:
        """The same chain over some cells after the other, so that not all pairs of classes are in memory at once."""
        for first in range(0, self.looks.shape[1], AT_ONCE):
            some = slice(first, first + AT_ONCE)
            yield replace(self, looks=self.looks[:, some], odds=self.odds[:, some])

    def _improved(self, prior: Floats) -> Chain:
        """One round of expectation maximisation (Baum and Welch), with `prior` weighing as `STRENGTH` cells of each class."""
        counts = np.sum([[pairs.sum(axis=0) for pairs in part.steps()] for part in self.parts()], axis=0)
        raised = counts + STRENGTH * self.start[None, :, None] * prior
        return replace(self, moves=raised / raised.sum(axis=2, keepdims=True))

    def steps(self) -> list[Floats]:
        """Probability (n, K, K) of each pair of classes of neighbouring surveys, given all of them."""
        ahead, behind = self._forward(), self._backward()
        pairs = [
            a[:, :, None] * (move * _raising(odds, len(move))) * (look * b)[:, None, :]
            for a, move, odds, look, b in zip(ahead, self.moves, self.odds, self.looks[1:], behind[1:], strict=False)
        ]
        return [joint / joint.sum(axis=(1, 2), keepdims=True) for joint in pairs]

    def ends(self) -> Floats:
        """Probability (n, K, K) of each pair of classes of the first and the last survey, given all of them."""
        joint = np.einsum("nk,kl->nkl", self.start * self.looks[0], np.eye(len(self.start)))
        for move, odds, look in zip(self.moves, self.odds, self.looks[1:], strict=True):
            joint = _moved(joint, move, odds[:, None, None]) * look[:, None, :]
            joint /= joint.sum(axis=(1, 2), keepdims=True)
        return np.asarray(joint)

    def path(self) -> IntArray:
        """The likeliest classes (n, T) of each cell, by Viterbi's algorithm."""
        with np.errstate(divide="ignore"):
            score = np.log(self.start * self.looks[0])
            came = []
            for move, odds, look in zip(self.moves, self.odds, self.looks[1:], strict=True):
                ways = score[:, :, None] + np.log(move * _raising(odds, len(move)))
                came.append(ways.argmax(axis=1))
                score = ways.max(axis=1) + np.log(look)
        path = [score.argmax(axis=1)]
        for back in reversed(came):
            path.append(np.take_along_axis(back, path[-1][:, None], axis=1)[:, 0])
        return np.stack(path[::-1], axis=1)

    def _forward(self) -> list[Floats]:
        now = _scaled(self.start * self.looks[0])
        found = [now]
        for move, odds, look in zip(self.moves, self.odds, self.looks[1:], strict=True):
            now = _scaled(_moved(now, move, odds[:, None]) * look)
            found.append(now)
        return found

    def _backward(self) -> list[Floats]:
        now = np.ones_like(self.looks[0])
        found = [now]
        for move, odds, look in zip(self.moves[::-1], self.odds[::-1], self.looks[:0:-1], strict=True):
            now = _scaled(_moved(now * look, move.T, odds[:, None]))
            found.append(now)
        return found[::-1]


def flickers(path: IntArray, labels: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Cells (n,) whose labels (n, T), -1 where missing, leave a class and come back while their likeliest path stays."""
    steady = (path == path[:, :1]).all(axis=1)
    seen = labels >= 0
    away = ((labels != path[:, :1]) & seen).cumsum(axis=1) > 0
    back = (labels == path[:, :1]) & seen & away
    return np.asarray(steady & back.any(axis=1))


def read_weights(path: Path, names: Sequence[str]) -> Floats:
    """(K, K) weights of moves between classes of a YAML file, 1 where it says nothing; raises `ConfigError` for any other."""
    try:
        said = read_yaml(path.read_text("utf8"), str(path), "table of transitions")
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.") from error
    weights = np.ones((len(names), len(names)))
    if not isinstance(said, dict) or not all(isinstance(row, dict) for row in said.values()):
        raise ConfigError(
            f"{path} must name classes, and below each where it goes, with a weight: Water: {{Developed: 0.1}}."
        )
    for before, row in said.items():
        for after, weight in row.items():
            if before not in names or after not in names:
                raise ConfigError(f"{path} speaks of {before} -> {after}, and the maps have no such classes.")
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < 1e6:
                raise ConfigError(
                    f"{path}: the weight of {before} -> {after} is {weight!r}; it must be a number from 0."
                )
            weights[names.index(before), names.index(after)] = weight
    return weights


def _moves(gap: float, shares: Floats, weights: Floats | None) -> Floats:
    """Prior probabilities (K, K) of a class after so many years, given that before."""
    towards = np.tile(shares, (len(shares), 1)) * (1.0 if weights is None else weights)
    np.fill_diagonal(towards, 0.0)
    total = towards.sum(axis=1, keepdims=True)
    towards = np.divide(towards, total, out=np.zeros_like(towards), where=total > 0)
    changing = (1 - (1 - RATE) ** max(gap, 0.0)) * np.where(total > 0, 1.0, 0.0)
    return np.asarray(np.diag(1 - changing[:, 0]) + changing * towards)


def _raising(odds: Floats, classes: int) -> Floats:
    """What the moves (n, K, K) of each cell are multiplied by."""
    return np.where(np.eye(classes, dtype=bool), 1.0, odds[:, None, None])


def _moved(now: Floats, move: Floats, odds: Floats) -> Floats:
    """`now` (..., K) moved on by `move` (K, K), its changes being `odds` times as likely."""
    stay = now * np.diag(move)
    return np.asarray(stay + odds * (now @ move - stay))


def _scaled(values: Floats) -> Floats:
    return np.asarray(values / values.sum(axis=1, keepdims=True))
