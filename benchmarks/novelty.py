"""How well novelty tells ground that a model knows: `python -m benchmarks.novelty [UCMERCED] [--others FOLDER ...]`.

The last fifth of each class folder, in the order of file names, is what nothing learnt from. Novelty is fitted here on the
other four fifths, and read from the model as well. Printed for each set of images: the share that is flagged, by either,
and the area under the ROC curve of the score (the first of the two) that tells the set from the held-out fifth; 0.5 is chance.

`--map FOLDER TRUTH` (a result of classify, a raster of NLCD codes): how often the class is right where ground is flagged, and
elsewhere.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from landuse.bundle import find_bundle, read_bundle
from landuse.chips import read_columns
from landuse.labels import LabelRequest, label_cells
from landuse.models.arrays import Floats, Images
from landuse.models.novelty import FLAG, Novelty, fit_novelty
from landuse.models.pretrain.images import HELD_OUT_SHARE
from landuse.outputs.land_use_map import LandUseMap
from landuse.scoring import ScoreSettings
from landuse.training.cache import cache_folder
from landuse.training.images import file_features

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
MADE = 100
"""Images that are made of held-out ones, or of nothing."""
Change = Callable[[Images, np.random.Generator], Images]
CHANGES: dict[str, Change] = {
    "held out, red and blue swapped": lambda image, _: image[..., ::-1],
    "held out, negative": lambda image, _: 255 - image,
    "held out, pixels shuffled": lambda image, rng: rng.permutation(image.reshape(-1, 3)).reshape(image.shape),
    "noise": lambda image, rng: rng.integers(0, 256, image.shape, np.uint8),
}


def image_files(folder: Path) -> list[Path]:
    """Image files of a folder and the folders in it, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def parted(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files of class folders: those learnt from, and the last fifth of each."""
    known, held = [], []
    for files in (image_files(path) for path in sorted(folder.iterdir()) if path.is_dir()):
        kept = sum(index / len(files) < 1 - HELD_OUT_SHARE for index in range(len(files)))
        known += files[:kept]
        held += files[kept:]
    return known, held


def changed(files: list[Path], change: Change, folder: Path, rng: np.random.Generator) -> list[Path]:
    """Changed copies of some images, as PNG in a new folder."""
    folder.mkdir()
    written = []
    for index, path in enumerate(files[:: max(1, len(files) // MADE)][:MADE]):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        written.append(folder / f"{index}.png")
        Image.fromarray(np.ascontiguousarray(change(pixels, rng))).save(written[-1])
    return written


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


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ucmerced", type=Path, nargs="?", help="folder of class folders")
    parser.add_argument("--map", type=Path, nargs=2, action="append", default=[], metavar=("FOLDER", "TRUTH"))
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="folders of other images")
    parser.add_argument("--each", type=int, default=200, help="images of each other folder, drawn at random")
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for folder, truth in given.map:
        judge(folder, truth)
    if given.ucmerced is not None:
        compare(given)


def compare(given: argparse.Namespace) -> None:
    """Print a line for each set of images."""
    model = find_bundle(given.model)
    settings, rng = ScoreSettings(model), np.random.default_rng(given.seed)

    def features(files: list[Path]) -> Floats:
        found = file_features(files, settings, cache_folder()).features
        return found[np.isfinite(found).all(axis=1)]

    known, held = parted(given.ucmerced)
    own = read_bundle(model).novelty
    fitted, inside = fit_novelty(features(known), seed=given.seed), features(held)
    print(f"{'':46} {'images':>6} {'flagged':>8} {'by ' + given.model:>20} {'AUROC':>6}")
    show("held-out fifth", inside, inside, (fitted, own))
    for folder in given.others:
        files = image_files(folder)
        chosen = [files[i] for i in np.sort(rng.permutation(len(files))[: given.each])]
        show(folder.name, features(chosen), inside, (fitted, own))
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, change) in enumerate(CHANGES.items()):
            show(name, features(changed(held, change, Path(scratch) / str(number), rng)), inside, (fitted, own))


def show(name: str, found: Floats, inside: Floats, references: tuple[Novelty, Novelty | None]) -> None:
    """Print the line of a set of features (n, D)."""
    fitted, own = references
    flagged = f"{(fitted.score(found) >= FLAG).mean():8.1%}"
    by_model = "-" if own is None else f"{(own.score(found) >= FLAG).mean():.1%}"
    area = roc_area(fitted.distance(inside), fitted.distance(found))
    print(f"{name[:46]:46} {len(found):6,} {flagged} {by_model:>20} {area:6.3f}", flush=True)


if __name__ == "__main__":
    main()
