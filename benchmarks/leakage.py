"""What leakage would have claimed: `python -m benchmarks.leakage [--seeds 10] [--fresh-ground]`.

Heads on the demo landscape, both years, judged on samples drawn at random and on blocks of land held back whole. Drawn at
random, the same ground of the other year and the neighbours of a chip stand on both sides. `--fresh-ground` makes another
landscape, where nothing was ever learnt from, and says which of the two figures came true there.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from landuse.chips import CHIPS_FILE, write_chips
from landuse.labels import LabelRequest, label_chips
from landuse.legend import load_legend
from landuse.options.survey import TileOptions
from landuse.options.training import HoldoutOptions, TrainOptions
from landuse.stages.demo import LEGEND, YEARS
from landuse.stages.survey import survey_chips
from landuse.stages.train import fit_head, samples_for
from landuse.training.backbone import backbone_bundle
from landuse.training.samples import Samples
from landuse.training.split import Layout, Split, split
from tools.landscape import LandscapeSpec, make_landscape

SAMPLE_DATA = Path(__file__).parents[1] / "sample_data"
OPTIONS = TrainOptions()
NEW_SEED = 1


def labelled(data: Path, scratch: Path, years: tuple[str, ...]) -> Samples:
    """Features of the chips of some years, each labelled by that year's truth."""
    folders = []
    for year in years:
        chips = survey_chips([data / year], TileOptions())
        truth = LabelRequest(data / "truth" / f"{year}.tif", load_legend(LEGEND).as_mapped(), "majority")
        (scratch / year).mkdir(parents=True)
        write_chips(scratch / year / CHIPS_FILE, label_chips(chips, truth))
        folders.append(scratch / year)
    return samples_for(folders, backbone_bundle(OPTIONS.backbone, None, 0), OPTIONS)


def right(samples: Samples, parts: Split) -> float:
    """Share of the held-back samples that a head on the others classifies rightly."""
    return judged(samples.take(parts.train), samples.take(parts.test))


def judged(train: Samples, test: Samples) -> float:
    """Share of the test samples that a head fitted on the others classifies rightly."""
    head = fit_head(train, OPTIONS)
    return float((head.apply(test.features).argmax(axis=1) == test.positions).mean())


def line(what: str, values: list[float]) -> None:
    """Print mean and spread."""
    print(f"  {what:42} {np.mean(values):6.1%} +- {np.std(values, ddof=1) if len(values) > 1 else 0:.1%}", flush=True)


def compare(title: str, samples: Samples, seeds: int, buffer_m: float) -> None:
    """Print the accuracies of all ways to hold back."""
    print(f"{title}: {len(samples)} chips, {seeds} seeds")
    rules = [HoldoutOptions(holdout=0.2, seed=seed) for seed in range(seeds)]
    anywhere = replace(samples.layout, places=None)
    line("drawn at random", [right(samples, split(anywhere, rule)) for rule in rules])
    line("blocks of land held back", [right(samples, split(shifted(samples, rule.seed), rule)) for rule in rules])
    apart = [replace(rule, buffer_m=buffer_m) for rule in rules]
    line(f"the same, {buffer_m:g} m apart", [right(samples, split(shifted(samples, r.seed), r)) for r in apart])


def shifted(samples: Samples, seed: int) -> Layout:
    """The samples' places moved by some chips, so that each seed cuts the land into other blocks."""
    places = samples.layout.places
    rows, cols = np.random.default_rng(seed).integers(0, 8, 2)
    return replace(samples.layout, places=replace(places, rows=places.rows + rows, cols=places.cols + cols))


def main() -> None:
    """Print the comparison for each year and for both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--buffer-m", type=float, default=448.0)
    parser.add_argument("--fresh-ground", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for years in (*((year,) for year in YEARS), YEARS):
            samples = labelled(SAMPLE_DATA, Path(scratch) / "-".join(years), years)
            compare(" and ".join(years), samples, given.seeds, given.buffer_m)
        if given.fresh_ground:
            make_landscape(Path(scratch) / "new", LandscapeSpec(seed=NEW_SEED))
            new = labelled(Path(scratch) / "new", Path(scratch) / "new-chips", YEARS)
            line("on another landscape", [judged(samples, new)])


if __name__ == "__main__":
    main()
