"""Made landscapes that are hard to compare, for `benchmarks.change`: their maps by a head of the first year, and the truth."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.change.comparison import ChangeRule, Comparison, compare
from landuse.change.maps import read_class_map
from landuse.change.pair import SurveyPair
from landuse.change.series import series_of
from landuse.labels import LabelRequest, label_cells
from landuse.legend import load_legend
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.options.training import TrainOptions
from landuse.stages.classify import classify
from landuse.stages.tile import tile
from landuse.stages.train import train
from tools.landscape import LandscapeSpec, make_landscape

CHIPS, PIXEL = 24, 4.0
"""Chips along a side of a made landscape, and its pixel in metres."""
Mask = npt.NDArray[np.bool_]


def map_of(sources: Sequence[Path], out: Path, options: ClassifyOptions) -> Path:
    """The map of a survey, made once."""
    if not out.exists():
        classify(sources, out, options)
    return out


@dataclass(frozen=True, eq=False)
class Made:
    """A made landscape that is hard to compare.

    Attributes:
        pair: its cells in the maps of both years, by a head of the first.
        changed: (n,) cells that truly changed.
        right: share of the labels of the second year that are right.
        folder: of the landscape.
        maps: of both years.
    """

    pair: SurveyPair
    changed: Mask
    right: float
    folder: Path
    maps: tuple[Path, Path]


def landscape(work: Path, seed: int) -> Made:
    """The landscape of a seed, its labels those of the first year alone."""
    made, model = work / f"hard_{seed}", work / f"hard_{seed}.landuse"
    if not made.exists():
        make_landscape(made, LandscapeSpec(chips=CHIPS, seed=seed, pixel=PIXEL, difficulty="hard"))
    if not model.exists():
        labels = TileOptions(labels=made / "nlcd_2014.tif", fresh=True)
        tile(sorted((made / "2014").glob("*.tif")), work / f"hard_{seed}_chips", labels)
        train([work / f"hard_{seed}_chips"], model, TrainOptions(master="inline"))
    options = ClassifyOptions(model=str(model), master="inline")
    first, second = (
        map_of(sorted((made / year).glob("*.tif")), work / f"hard_{seed}_{year}", options) for year in ("2014", "2020")
    )
    found = compare(read_class_map(first), read_class_map(second), ChangeRule())
    pair = found.whole().around
    if pair is None:
        raise ValueError("The maps compared here have probabilities.")
    named = np.array(found.legend.names)[pair.labels[:, 1]]
    right = float((named == classes_of(found, pair, made / "truth" / "2020.tif")).mean())
    return Made(pair, changed_in(made, found.chip_ids(pair.lines, pair.columns)), right, made, (first, second))


def changed_in(made: Path, chips: Sequence[str]) -> Mask:
    """Which chips (n,) of a made landscape truly changed."""
    with (made / "truth" / "change.csv").open(encoding="utf8") as stream:
        changed = {row["chip_id"] for row in csv.DictReader(stream)}
    return np.array([chip in changed for chip in chips])


def classes_of(found: Comparison, pair: SurveyPair, truth: Path) -> npt.NDArray[np.str_]:
    """Names (n,) of the classes that a raster of the truth has most of in each cell."""
    grid, transform, legend = found.before.grid, found.overlap.transform, load_legend("landuse7")
    if grid is None:
        raise ValueError("The maps compared here are maps of chips.")
    rows, cols = round(transform.f / grid.side) - 1 - pair.lines, pair.columns + round(transform.c / grid.side)
    labels = label_cells(grid, rows, cols, LabelRequest(truth, legend.as_mapped(), "majority"))
    return np.array(legend.names)[np.asarray(labels.shares).argmax(axis=1)]


def flips_line(made: Made, work: Path, seed: int) -> list[str]:
    """Three surveys: the third is that of 2020 in other light, of the same ground.

    Of cells that did not change and whose labels leave a class and come back, the share that the story of the chain leaves so;
    of cells that changed and whose labels say so and stay, the share whose story does.
    """
    easy = work / f"easy_{seed}"
    if not easy.exists():
        make_landscape(easy, LandscapeSpec(chips=CHIPS, seed=seed, pixel=PIXEL))
    options = ClassifyOptions(model=str(work / f"hard_{seed}.landuse"), master="inline")
    third = map_of(sorted((easy / "2020").glob("*.tif")), work / f"hard_{seed}_2022", options)
    series = series_of([read_class_map(path) for path in (*made.maps, third)], (2014.0, 2020.0, 2022.0))
    if series is None:
        raise ValueError("The maps compared here have probabilities.")
    height, width = series.maps[0].pixels.shape
    looks, chain = series.over((slice(0, height), slice(0, width)))
    seen = (looks.labels >= 0).all(axis=1)
    labels, path = looks.labels[seen], chain.path()[seen]
    first = compare(series.maps[0], series.maps[1], ChangeRule())
    changed = changed_in(made.folder, first.chip_ids(looks.lines[seen], looks.columns[seen]))
    flip = ~changed & (labels[:, 0] == labels[:, 2]) & (labels[:, 0] != labels[:, 1])
    left = flip & (path[:, 0] == path[:, 2]) & (path[:, 0] != path[:, 1])
    stay = changed & (labels[:, 1] == labels[:, 2]) & (labels[:, 0] != labels[:, 1])
    kept = stay & (path[:, 1] == path[:, 2]) & (path[:, 0] != path[:, 1])
    return [str(seed), f"{left.sum()} of {flip.sum()}", f"{kept.sum()} of {stay.sum()}"]
