"""How well novelty tells ground that a model knows: `python -m benchmarks.novelty [UCMERCED] [--land FIRST SECOND] ...`.

UCMERCED: the last fifth of each class folder is what nothing learnt from; every other image of it measures, and what it becomes
when it is changed. Asked is the model as it is; `--rules` adds those of `novelty_rules`, fitted on the other four fifths with
neighbours left out together. `--land FIRST SECOND`: the rules on chips of one survey, by squares of land, and another survey of
that land. Printed for each set of images: the area under the ROC curve that tells it from what is measured by (0.5
is chance), and the share that is flagged.

`--map FOLDER TRUTH` (a result of classify, a raster of NLCD codes): how often the class is right where ground is flagged, and
elsewhere.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio

from benchmarks.novelty_rules import Measured, measure
from benchmarks.novelty_views import changed, chips, nothing, sheets, spread
from landuse.chips import read_columns
from landuse.labels import LabelRequest, label_cells
from landuse.models.arrays import Floats
from landuse.models.bundle import find_bundle, read_bundle
from landuse.models.novelty import FLAG, Labels, neighbours_together
from landuse.outputs.land_use_map import LandUseMap
from landuse.scoring import ScoreSettings
from landuse.training.cache import cache_folder
from landuse.training.images import file_features
from tools.pretrain.images import HELD_OUT_SHARE

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
MOST = 1000
"""Chips of a survey that a model is fitted on."""
Sets = dict[str, list[Path]]


def image_files(folder: Path) -> list[Path]:
    """Image files of a folder and the folders in it, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def parted(folder: Path) -> tuple[list[Path], Labels, list[list[Path]]]:
    """Files of class folders: those learnt from with their classes, and of the last fifth of each every other."""
    known, labels, held = [], [], []
    for label, files in enumerate(image_files(path) for path in sorted(folder.iterdir()) if path.is_dir()):
        kept = sum(index / len(files) < 1 - HELD_OUT_SHARE for index in range(len(files)))
        known += files[:kept]
        labels += [label] * kept
        held.append(files[kept::2])  # the shipped models measure their distances by the others
    return known, np.array(labels), held


def roc_area(inside: Floats, outside: Floats) -> float:
    """Share of pairs in which the image from outside is the farther one; ties count half."""
    beyond = (outside[:, None] > inside).mean() + 0.5 * (outside[:, None] == inside).mean()
    return float(beyond)


def judge(folder: Path, truth: Path) -> None:
    """Print how often the class of a map is that of the truth, where ground is flagged and where it is not."""
    land = LandUseMap(folder)
    request = LabelRequest(truth, land.legend.as_mapped(), "majority")
    true = label_cells(land.chips.grid, land.chips.rows, land.chips.cols, request).codes
    flagged = read_columns(folder, ["novelty"])["novelty"].to_numpy() >= FLAG
    for name, chosen in (("flagged", flagged), ("not flagged", ~flagged)):
        judged = chosen & (true > 0)
        right = (land.codes[judged] == true[judged]).mean() if judged.any() else np.nan
        print(f"{folder.name}: {judged.sum():,} chips {name}, {right:.1%} of them right", flush=True)


def features_of(files: list[Path], model: Path) -> Floats:
    """Features of the files that can be read; kept for the next time."""
    found = file_features(files, ScoreSettings(model), cache_folder()).features
    return found[np.isfinite(found).all(axis=1)]


def surveys(paths: list[Path], count: int, folder: Path) -> Sets:
    """Chips of surveys, and with near infrared for red where there is a fourth band."""
    sets = {}
    for path in paths:
        name = f"{path.parent.name}/{path.name}"
        sets[name] = chips(path, count, folder)[0]
        if path.is_file() and rasterio.open(path).count == 4:
            sets[f"{name}, infrared as red"] = chips(path, count, folder, (4, 1, 2))[0]
    return sets


def compare_images(given: argparse.Namespace, folder: Path) -> None:
    """Print the table of a training on class folders."""
    rng = np.random.default_rng(given.seed)
    known, labels, held = parted(given.ucmerced)
    inside = [path for files in held for path in files]
    sets = {"held out": inside} | {path.name: spread(image_files(path), given.each) for path in given.others}
    sets |= surveys(given.surveys, given.each, folder)
    sets |= changed(spread(inside, given.made), folder, rng)
    sets |= {"8 x coarser, more ground": sheets(held, given.made, folder, rng)}
    sets |= nothing(given.made, folder, rng)
    found = {name: features_of(files, given.file) for name, files in sets.items()}
    columns = by_model(given.file, found)
    if given.rules:
        layout = (labels, neighbours_together(labels))
        columns |= measure(features_of(known, given.file), *layout, list(found.values()))
    show(found, columns)


def compare_surveys(given: argparse.Namespace, folder: Path) -> None:
    """Print the table of a training on the chips of a survey."""
    known, folds = chips(given.land[0], MOST, folder)
    later = chips(given.land[1], MOST, folder)[0]
    sets = {"another survey of the land": later}
    sets |= changed(spread(later, given.made), folder, np.random.default_rng(given.seed))
    found = {name: features_of(files, given.file) for name, files in sets.items()}
    layout = (np.zeros(len(known), np.int64), folds)
    show(found, measure(features_of(known, given.file), *layout, list(found.values())))


def by_model(file: Path, sets: Mapping[str, Floats]) -> dict[str, Measured]:
    """What a model itself says of the sets; nothing where it does not know."""
    own = read_bundle(file).novelty
    return (
        {} if own is None else {file.stem: Measured(float(own.distances[990]), tuple(map(own.distance, sets.values())))}
    )


def show(sets: Mapping[str, Floats], columns: Mapping[str, Measured]) -> None:
    """Print a Markdown table: a line for each set, a column for each rule. The first set is what others are told from."""
    print("\n| | n | " + " | ".join(columns) + " |\n|---|---|" + "---|" * len(columns))
    for index, (name, found) in enumerate(sets.items()):
        cells = [cell(of.sets[0], of.sets[index], of.flag) for of in columns.values()]
        print(f"| {name} | {len(found):,} | " + " | ".join(cells) + " |", flush=True)


def cell(inside: Floats, found: Floats, flag: float) -> str:
    """Area under the ROC curve and share flagged."""
    return f"{roc_area(inside, found):.2f}, {(found > flag).mean():.1%}"


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ucmerced", type=Path, nargs="?", help="folder of class folders")
    parser.add_argument("--land", type=Path, nargs=2, metavar=("FIRST", "SECOND"), help="two surveys of one land")
    parser.add_argument("--map", type=Path, nargs=2, action="append", default=[], metavar=("FOLDER", "TRUTH"))
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="folders of other images")
    parser.add_argument(
        "--surveys", type=Path, nargs="*", default=[], help="other surveys: rasters, or folders of them"
    )
    parser.add_argument("--each", type=int, default=200, help="images of each other folder and survey")
    parser.add_argument("--made", type=int, default=70, help="images of each set that is made")
    parser.add_argument("--rules", action="store_true", help="also fit the rules of novelty_rules, which takes minutes")
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.file = find_bundle(given.model)
    for folder, truth in given.map:
        judge(folder, truth)
    for wanted, compare in ((given.ucmerced, compare_images), (given.land, compare_surveys)):
        if wanted is not None:
            with tempfile.TemporaryDirectory() as scratch:
                compare(given, Path(scratch))


if __name__ == "__main__":
    main()
