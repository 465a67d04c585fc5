"""How far features and the land-use head carry: to coarser pixels, and to sources that neither was fitted on.

`python -m tools.pretrain.transfer --ucmerced ... --landscape DIR --out DIR` prints the tables of docs/backbone.md.
Heads are used as they are: nothing is learnt from the sources that judge them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from landuse.legend import Legend, load_legend
from landuse.models.arrays import Floats, Images
from landuse.models.heads import LogisticHead
from tools.pretrain.data import Data, data_options, infrared_option
from tools.pretrain.features import Extract
from tools.pretrain.images import UNLABELLED, ImageSet, Ints
from tools.pretrain.landuse_head import crosswalk, figures
from tools.pretrain.measure import CLASSES, made_chips
from tools.pretrain.places import classes_of
from tools.pretrain.probe import PENALTY, fit_quickly, five_fold, held_out_accuracy
from tools.pretrain.views import PX, blur
from tools.pretrain.water import MOSTLY, in_east, read_chips

TIMES = (1, 2, 4, 8, 16)
"""Times the pixel size of the images, which is 0.3 m."""
EVERY = 2
"""One of so many images of a class is looked at where it is made coarser."""
YEARS = ("2014", "2020")
Apply = Callable[[Floats], Floats]
"""From features (n, D) to probabilities (n, K)."""
Rows = dict[str, float]
FIGURES = ("accuracy", "mean recall", "ece")
LITTLE = 0.1
NOTHING = np.empty(0, np.float32)
PARTS = {"teacher (MobileNetV1)": 1024, "both teachers": 1536, "start": None}
"""How many of the start's features, from the first on, are those of a part of it."""


@dataclass(frozen=True)
class Source:
    """What judges a head.

    Attributes:
        images: uint8 (n, h, w, 3).
        labels: int64 (n,) classes of the legend; empty where only water is known.
        water: float32 (n,) share of water; empty where classes are known.
    """

    images: Images
    labels: Ints
    water: Floats


def coarse_images(source: ImageSet) -> dict[int, Images]:
    """Images of `CLASSES` at `TIMES` their pixel size, but for those as they are."""
    return {times: coarser(source.images[_unseen(source)][::EVERY], times) for times in TIMES[1:]}


def judge_features(source: ImageSet, features: Floats, coarse: Mapping[int, Floats]) -> Rows:
    """Shares that logistic probes name rightly.

    Args:
        source: all images.
        features: float32 (n, D) of the labelled images, which come first, as they are.
        coarse: features of `coarse_images`.
    """
    labels, held_out = source.labels[: len(features)], source.held_out[: len(features)]
    rows = _unseen(source)
    classes = np.unique(source.labels[rows], return_inverse=True)[1]
    found = {"held-out fifth": held_out_accuracy(features, labels, held_out)}
    found[f"10 classes, {TIMES[0]} x"] = five_fold(features[rows], classes)
    return found | {f"10 classes, {times} x": five_fold(seen, classes[::EVERY]) for times, seen in coarse.items()}


def _unseen(source: ImageSet) -> Ints:
    return np.flatnonzero(np.isin(source.labels, [source.names.index(name) for name in CLASSES]))


def judge_head(apply: Apply, seen: Mapping[str, Floats], sources: Mapping[str, Source], legend: Legend) -> Rows:
    """Accuracy, mean recall of the classes and calibration error of a head by source; of water, found and false."""
    found: Rows = {}
    for name, source in sources.items():
        probabilities = apply(seen[name])
        if len(source.water):
            called = probabilities.argmax(axis=1) == legend.names.index("Water")
            found[f"{name}, water found"] = float(called[source.water > MOSTLY].mean())
            found[f"{name}, land called water"] = float(called[source.water < LITTLE].mean())
        else:
            values = figures(name, probabilities, source.labels)
            found |= {f"{name}, {key}": values[f"{name}_{key.replace(' ', '_')}"] for key in FIGURES}
    return found


def sources_of(source: ImageSet, legend: Legend, landscape: Path | None, infrared: Path | None) -> dict[str, Source]:
    """Held-out images at `TIMES` their pixel size, places as they were read, the made landscape, and a survey with water."""
    codes = np.array([*crosswalk(source.names, legend), -1])
    held = np.flatnonzero(source.held_out & (codes[source.labels] >= 0))
    found = {f"held out {times} x": _held(source, held, codes, times) for times in TIMES}
    last = {source.places[row]: int(row) for row in np.flatnonzero(source.labels == UNLABELLED)}
    rows = np.array(list(last.values()), np.int64)
    if len(rows):
        seen = classes_of(list(last), legend.names)
        found["places"] = Source(source.images[rows[seen >= 0]], seen[seen >= 0], NOTHING)
    for year in YEARS if landscape else ():
        images, labels = made_chips(Path(str(landscape)), year)
        found[f"made {year}"] = Source(images, np.searchsorted(legend.codes, labels), NOTHING)
    for path in sorted(infrared.glob("*.tif")) if infrared else ():
        images, water, shape = read_chips(path, PX)
        east = in_east(shape)
        found[f"{path.parent.name} {path.stem}"] = Source(images[east], np.empty(0, np.int64), water[east])
    return found


def plain_head(source: ImageSet, features: Floats, legend: Legend) -> LogisticHead:
    """A logistic regression on the images that may be learnt from, as they are, by the legend's crosswalk."""
    labelled = source.labels >= 0
    labels = np.array(crosswalk(source.names, legend))[source.labels[labelled]]
    fit = ~source.held_out[labelled] & (labels >= 0)
    return fit_quickly(features[fit], labels[fit], class_count=len(legend), penalty=PENALTY)


def _held(source: ImageSet, rows: Ints, codes: Ints, times: int) -> Source:
    some = rows[:: 1 if times == 1 else EVERY]
    return Source(coarser(source.images[some], times), codes[source.labels[some]], NOTHING)


def coarser(images: Images, times: int) -> Images:
    """The images at so many times their pixel size."""
    return images if times == 1 else np.stack([blur(image, times) for image in images])


def transposed(rows: Mapping[str, Rows]) -> str:
    """A Markdown table with one line a measure and one column a model."""
    measures = dict.fromkeys(name for values in rows.values() for name in values)
    lines = [f"| | {' | '.join(rows)} |", f"|---|{'---|' * len(rows)}"]
    for measure in measures:
        cells = [f"{values[measure]:.1%}" if measure in values else "" for values in rows.values()]
        lines.append(f"| {measure} | {' | '.join(cells)} |")
    return "\n".join(lines)


@click.command()
@click.argument("model", default="builtin")
@data_options
@click.option(
    "--landscape", type=click.Path(exists=True, path_type=Path), help="Folder that `python -m tools.landscape` made."
)
@infrared_option
def main(data: Data, model: str, landscape: Path | None, infrared: Path | None) -> None:
    """Judge the teacher, the start and a model, each with a plain head, and the model with its own."""
    from landuse.models.bundle import find_bundle, read_bundle
    from tools.pretrain.features import builtin_extractor, extractor

    source, bundle, legend = data.images(), read_bundle(find_bundle(model)), load_legend("landuse7")
    sources, coarse = sources_of(source, legend, landscape, infrared), coarse_images(source)
    labelled = int((source.labels >= 0).sum())
    rows: dict[str, Rows] = {}

    def judge(names: Mapping[str, int | None], extract: Extract, plain: Floats) -> dict[str, Floats]:
        """Judge the first features of a network, all where no number is given; what it sees in the sources."""
        coarsely = {times: extract(images) for times, images in coarse.items()}
        seen = {name: extract(of.images) for name, of in sources.items()}
        for name, count in names.items():
            head = plain_head(source, plain[:, :count], legend)
            cut = {key: features[:, :count] for key, features in seen.items()}
            probed = judge_features(source, plain[:, :count], {k: found[:, :count] for k, found in coarsely.items()})
            rows[name] = probed | judge_head(head.apply, cut, sources, legend)
        return seen

    judge(PARTS, builtin_extractor(data.origin()), data.origin_features(source)[:labelled])
    own = extractor(bundle.backbone)
    seen = judge({f"{model}, plain head": None}, own, own(source.images[:labelled]))
    rows[model] = judge_head(bundle.head.apply, seen, sources, legend)
    data.out.mkdir(parents=True, exist_ok=True)
    (data.out / "transfer.json").write_text(json.dumps(rows, indent=1))
    click.echo(transposed(rows))


if __name__ == "__main__":
    main()
