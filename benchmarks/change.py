"""How well change is found on real imagery: `python -m benchmarks.change IMAGERY --work DIR`.

IMAGERY holds `naip_dakota/YEAR.tif` (one place at several dates: red, green, blue, near infrared, nodata 0) and
`naip_california/PLACE_YEAR.tif` (many places that hardly changed). DIR keeps models and maps, so that a method takes seconds.

Dakota: a head of Water, Green and Dry is trained on the earlier date alone and classifies both; water is told by infrared
(`benchmarks.infrared`), which the model never sees. Changed are chips that went from under 30 to over 60 % water or back;
chips in between are left out. A second table judges the same maps by a stricter threshold, a third has heads of the later
date. California: whatever is confirmed between two dates is taken for false, and the vectors of other places, where another
class is named, stand in for change. Made landscapes of difficulty hard: a head of the first year's labels classifies both
years, and the truth is known. Tiers are those of the lists that `diff` writes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import CRS

from benchmarks.hard_landscapes import Made, flips_line, landscape, map_of
from benchmarks.infrared import otsu, water_by
from benchmarks.scored import Scored, counts_of, expected_line, f1_of, listed, ranks_of, recalls_of
from benchmarks.table import markdown
from landuse.change.classwise import Classwise
from landuse.change.comparison import ChangeRule, ComparedBlock, Comparison, compare
from landuse.change.maps import read_class_map
from landuse.change.methods import DEFAULT, METHODS, ChangeModel
from landuse.change.pair import SurveyPair
from landuse.labels import LabelRequest, label_cells
from landuse.legend import LandClass, Legend
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.options.training import TrainOptions
from landuse.outputs.cog import write_class_cog
from landuse.stages.tile import tile
from landuse.stages.train import train

WATER, GREEN, DRY = 1, 2, 3
LEGEND = Legend(
    name="water-green-dry",
    classes=(
        LandClass(code=WATER, name="Water", color="#2A5AA0"),
        LandClass(code=GREEN, name="Green", color="#3A8A3A"),
        LandClass(code=DRY, name="Dry", color="#C8BE5A"),
    ),
)
LAND, LAKE = 0.3, 0.6
SURE = 0.5
"""Least probability of a confirmed change, as by default."""
STAND_INS = 0.05
WEIGHTS = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1)
"""How little neighbours may count: `Classwise.alone`."""
LABELS = "label comparison"
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Case:
    """One real pair: its maps compared, all of their cells, and the true share of water (H, W) at both dates."""

    name: str
    found: Comparison
    cells: ComparedBlock
    water: tuple[Floats, ...]

    @property
    def pair(self) -> SurveyPair:
        """The known cells."""
        if self.cells.around is None:
            raise ValueError("The maps compared here have probabilities.")
        return self.cells.around

    @property
    def judged(self) -> Mask:
        """Known cells (n,) that are clearly land or clearly water at both dates."""
        clear = [(share < LAND) | (share > LAKE) for share in self.water]
        return np.asarray((clear[0] & clear[1])[self.cells.known])

    @property
    def changed(self) -> Mask:
        """Known cells (n,) that truly turned to water or from it."""
        return np.asarray(((self.water[0] > LAKE) != (self.water[1] > LAKE))[self.cells.known])


def write_truth(source: Path, work: Path, *, strict: bool = False) -> Path:
    """A raster of Water, Green and Dry by the infrared band; green is what has more than the middle NDVI of the land."""
    out = work / f"{source.stem}_{'strict' if strict else 'truth'}.tif"
    with rasterio.open(source) as dataset:
        bands, transform, crs = dataset.read(), dataset.transform, CRS.from_user_input(dataset.crs)
    seen = (bands != 0).any(axis=0)
    wet = water_by(bands[3], seen, strict=strict)
    red, infrared = bands[0].astype(float), bands[3].astype(float)
    ndvi = (infrared - red) / np.maximum(infrared + red, 1)
    scaled = np.clip(ndvi * 127 + 128, 0, 255).astype(np.uint8)
    green = scaled > otsu(scaled[seen & ~wet])
    codes = np.where(seen, np.where(wet, WATER, np.where(green, GREEN, DRY)), 0).astype(np.uint8)
    write_class_cog(out, codes, transform, crs, LEGEND)
    return out


def model_of(source: Path, work: Path) -> Path:
    """A head trained on one date alone."""
    out = work / f"{source.stem}.landuse"
    if not out.exists():
        legend = work / "legend.yaml"
        legend.write_text(LEGEND.model_dump_json())
        truth = write_truth(source, work)
        options = TileOptions(labels=str(truth), legend=str(legend), fresh=True)
        tile([source], work / f"{source.stem}_chips", options)
        train([work / f"{source.stem}_chips"], out, TrainOptions(master="inline"))
    return out


def dakota(folder: Path, work: Path, *, back: bool = False) -> Iterator[Case]:
    """All pairs of dates, earlier first, or `back` in time."""
    sources = sorted(folder.glob("*.tif"), reverse=back)
    for first, second in combinations(sources, 2):
        options = ClassifyOptions(model=str(model_of(first, work)), master="inline")
        maps = [map_of([source], work / f"{source.stem}_by_{first.stem}", options) for source in (first, second)]
        found = compare(*(read_class_map(path) for path in maps), ChangeRule())
        yield judged_by(Case(f"{first.stem}, {second.stem}", found, found.whole(), ()), (first, second), work)


def sources_of(case: Case, imagery: Path) -> tuple[Path, ...]:
    """The rasters of a case."""
    return tuple(imagery / "naip_dakota" / f"{year}.tif" for year in case.name.split(", "))


def judged_by(case: Case, sources: Sequence[Path], work: Path, *, strict: bool = False) -> Case:
    """The case with the truth of both dates: by the threshold of Otsu, or the lower of two (`benchmarks.infrared`)."""
    return replace(case, water=tuple(water_of(case.found, write_truth(one, work, strict=strict)) for one in sources))


def water_of(found: Comparison, truth: Path) -> Floats:
    """True share of water (H, W) of the cells of a comparison."""
    grid, transform = found.before.grid, found.overlap.transform
    if grid is None:
        raise ValueError("The maps compared here are maps of chips.")
    lines, columns = np.indices(found.overlap.shape)
    rows = round(transform.f / grid.side) - 1 - lines
    cols = columns + round(transform.c / grid.side)
    labels = label_cells(grid, rows.ravel(), cols.ravel(), LabelRequest(truth, LEGEND.as_mapped(), "majority"))
    shares = np.asarray(labels.shares, np.float64)
    return np.asarray((shares[:, 0] / np.maximum(shares.sum(axis=1), 1e-9)).reshape(found.overlap.shape))


def scored(case: Case, method: str) -> Scored:
    """What a method says of the water of a pair."""
    if method != LABELS:
        return scored_by(case, METHODS[method])
    water = about_water(case)[case.judged]
    return Scored(water.astype(float), case.changed[case.judged], water, water.astype(float), water)


def scored_by(case: Case, model: ChangeModel) -> Scored:
    """The same of a way to infer change, as `ranking.parquet` and the confirmed sites have it."""
    judged, pair = case.judged, case.pair
    cells = model.fit(pair).apply(pair)
    about = (cells.move == 0).any(axis=1)
    sure, chance = listed(pair, cells, case.found.rule.min_probability)
    sure &= about_water(case)
    score, shown = (np.where(about | sure, values, 0.0)[judged] for values in (cells.moved, chance))
    return Scored(score, case.changed[judged], sure[judged], shown, pair.differ[judged])


def about_water(case: Case) -> Mask:
    """Known cells (n,) that are called water at one of the dates."""
    return np.asarray((case.pair.labels == 0).sum(axis=1) == 1)


def held_out_line(cases: Sequence[Case]) -> list[str]:
    """The default with the weight of neighbours chosen on all pairs but one, and that one judged, in turn.

    Chosen is the weight with the largest F1 of confirmed changes.
    """
    each = {alone: [scored_by(case, Classwise(alone)) for case in cases] for alone in WEIGHTS}
    found = []
    for number in range(len(cases)):
        rest = {alone: [one for i, one in enumerate(all_) if i != number] for alone, all_ in each.items()}
        found.append(each[max(rest, key=lambda alone: f1_of(rest[alone]))][number])
    return ["default, weight held out", *ranks_of(found), *recalls_of(found), *counts_of(found)]


def dakota_line(method: str, cases: Sequence[Case]) -> list[str]:
    """One line of the table of the real pairs."""
    each = [scored(case, method) for case in cases]
    return [method, *ranks_of(each), *recalls_of(each), *counts_of(each)]


def california(folder: Path, work: Path) -> Iterator[Comparison]:
    """Pairs of dates of places that hardly changed."""
    options = ClassifyOptions(model="builtin", master="inline", chip_m=112.0, crs="EPSG:32611")
    maps = [
        map_of(sorted(folder.glob(f"*_{year}.tif")), work / f"ca_{year}", options) for year in ("2016", "2018", "2020")
    ]
    for first, second in combinations(maps, 2):
        yield compare(read_class_map(first), read_class_map(second), ChangeRule())


def with_stand_ins(pair: SurveyPair, seed: int) -> tuple[SurveyPair, Mask]:
    """The pair with the later vectors of other places, where the earlier map names another class, in a few cells."""
    rng = np.random.default_rng(seed)
    after, labels = pair.after.copy(), pair.labels.copy()
    looks = None if pair.components is None else pair.components.copy()
    chosen = rng.choice(len(pair), max(1, round(STAND_INS * len(pair))), replace=False)
    changed = np.zeros(len(pair), bool)
    for cell in chosen.tolist():
        others = np.flatnonzero(pair.labels[:, 0] != pair.labels[cell, 0])
        if len(others):
            other = int(rng.choice(others))
            after[cell], labels[cell, 1], changed[cell] = pair.after[other], pair.labels[other, 1], True
            if looks is not None and pair.components is not None:
                looks[cell, 1] = pair.components[other, 1]
    return replace(pair, after=after, labels=labels, components=looks), changed


def california_line(method: str, pairs: Sequence[SurveyPair], seeds: int) -> list[str]:
    """One line of the table of the unchanged pairs."""
    false = sum(int(told(pair, method, np.zeros(len(pair), bool)).confirmed.sum()) for pair in pairs)
    each, share = [], []
    for pair in pairs:
        for seed in range(seeds):
            mixed, changed = with_stand_ins(pair, seed)
            found = told(mixed, method, changed)
            each.append(found.average_precision)
            share.append(found.expected / changed.sum())
    cells = sum(len(pair) for pair in pairs)
    return [method, f"{1000 * false / cells:.1f}", f"{np.mean(each):.2f}", f"{np.mean(share):.2f}"]


def landscape_line(method: str, made: Sequence[Made]) -> list[str]:
    """One line of the table of the made landscapes."""
    each = [told(one.pair, method, one.changed) for one in made]
    return [method, *ranks_of(each), *counts_of(each)]


def told(pair: SurveyPair, method: str, truth: Mask) -> Scored:
    """What a method says of all cells of a pair, of any change."""
    differ = pair.differ
    if method == LABELS:
        return Scored(differ.astype(float), truth, differ, differ.astype(float), differ)
    cells = METHODS[method].fit(pair).apply(pair)
    return Scored(cells.change, truth, *listed(pair, cells, SURE), differ)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("imagery", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5, help="of stand-ins")
    parser.add_argument("--landscapes", type=int, default=5, help="made landscapes that are hard to compare")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    methods = (LABELS, *METHODS)
    cases = list(dakota(given.imagery / "naip_dakota", given.work))
    for case in cases:
        truth = case.changed[case.judged]
        print(f"{case.name}: {truth.sum()} of {len(truth)} chips changed; labels differ in {case.cells.differ.sum()}")
    header = ("Dakota", "average precision, each pair", "mean", "of all", "recall at .8", "at .9", "real of confirmed",
              "recall", "certain", "likely", "possible", "estimated/true")  # fmt: skip
    lines = [dakota_line(method, cases) for method in methods]
    print(markdown(header, [*lines, held_out_line(cases)]), flush=True)
    strict = [judged_by(case, sources_of(case, given.imagery), given.work, strict=True) for case in cases]
    truths = np.concatenate([one.changed[one.judged] for one in strict])
    print(f"stricter truth: {truths.sum()} of {len(truths)} chips changed")
    print(markdown(("Stricter truth", *header[1:]), [dakota_line(method, strict) for method in methods]), flush=True)
    turned = list(dakota(given.imagery / "naip_dakota", given.work, back=True))
    print(markdown(("Turned round", *header[1:]), [dakota_line(method, turned) for method in methods]), flush=True)
    blocks = [found.whole() for found in california(given.imagery / "naip_california", given.work)]
    pairs = [block.around for block in blocks if block.around is not None]
    header = ("California", "false cells per 1,000", "average precision of stand-ins", "estimated/true")
    print(markdown(header, [california_line(method, pairs, given.seeds) for method in methods]), flush=True)
    made = [landscape(given.work, seed) for seed in range(1, given.landscapes + 1)]
    header = ("Made", "average precision, each seed", "mean", "of all", "real of confirmed", "recall", "certain", "likely",
              "possible", "estimated/true")  # fmt: skip
    print(markdown(header, [landscape_line(method, made) for method in methods if made]))
    print(expected_line([told(one.pair, DEFAULT, one.changed) for one in made]))
    print("labels of the second year that are right:", ", ".join(f"{one.right:.1%}" for one in made))
    header = ("seed", "flips of labels left", "true changes kept")
    print(markdown(header, [flips_line(one, given.work, seed) for seed, one in enumerate(made, 1)]))


if __name__ == "__main__":
    main()
