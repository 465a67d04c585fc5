"""How far accuracy falls when a survey differs: light, colour balance, haze, pixel size, JPEG.

`python -m tools.pretrain.shifts MODEL --ucmerced ... --out DIR` prints the tables of docs/backbone.md. A probe is
fitted on the images that may be learnt from, as they are, and judged on held-out images as another survey would show them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import click
import numpy as np

from landuse.models.arrays import Floats, Images
from tools.pretrain.data import Data, data_options
from tools.pretrain.images import ImageSet, Ints
from tools.pretrain.measure import table
from tools.pretrain.probe import found_again, probe, share_right
from tools.pretrain.views import blur, haze, jpeg

EVERY = 2
"""One of so many held-out images is judged."""
TEACHER_FEATURES = 1024
"""The first features of the start are those of MobileNetV1."""
Shift = Callable[[Images], Images]


def _scaled(*factors: float) -> Shift:
    return lambda image: np.clip(image * np.array(factors), 0, 255).astype(np.uint8)


def _contrast(factor: float) -> Shift:
    return lambda image: np.clip((image - image.mean()) * factor + image.mean(), 0, 255).astype(np.uint8)


SHIFTS: Mapping[str, Shift] = MappingProxyType(
    {
        "as it is (0.3 m)": lambda image: image,
        "0.6 m": lambda image: blur(image, 2),
        "1 m": lambda image: blur(image, 10 / 3),
        "2 m": lambda image: blur(image, 20 / 3),
        "5 m": lambda image: blur(image, 50 / 3),
        "light x 0.5": _scaled(0.5),
        "light x 1.4": _scaled(1.4),
        "contrast x 0.5": _contrast(0.5),
        "warm": _scaled(1.2, 1.0, 0.8),
        "cold": _scaled(0.8, 1.0, 1.2),
        "grey": lambda image: np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
        "haze 40 %": lambda image: np.clip(haze(image.astype(np.float32), 0.4), 0, 255).astype(np.uint8),
        "JPEG 50": lambda image: jpeg(image, 50),
        "JPEG 20": lambda image: jpeg(image, 20),
        "JPEG 10": lambda image: jpeg(image, 10),
    }
)


def held_out_shifts(
    source: ImageSet, features: Floats, extract: Callable[[Images], Floats]
) -> dict[str, dict[str, float]]:
    """Share of held-out images that are right, by shift, for each slice of features that `slices_of` names.

    Args:
        source: all images.
        features: float32 (n, D) of them as they are.
        extract: features of other images.
    """
    fit = (source.labels >= 0) & ~source.held_out
    chosen = np.flatnonzero(source.held_out)[::EVERY]
    labels = source.labels[chosen]
    heads = {name: probe(features[fit][:, part], source.labels[fit]) for name, part in slices_of(features).items()}
    found: dict[str, dict[str, float]] = {name: {} for name in heads}
    for shift, change in SHIFTS.items():
        seen = extract(np.stack([change(image) for image in source.images[chosen]]))
        for name, part in slices_of(features).items():
            found[name][shift] = share_right(heads[name], seen[:, part], labels)
    for name, part in slices_of(features).items():
        first, last = two_dates(source)
        found[name]["place at other date"] = found_again(features[first][:, part], features[last][:, part])
    return found


def slices_of(features: Floats) -> dict[str, slice]:
    """All features, and those of the MobileNetV1 branch."""
    return {"all": slice(features.shape[1]), "MobileNetV1": slice(TEACHER_FEATURES)}


def two_dates(source: ImageSet) -> tuple[Ints, Ints]:
    """Rows of every place at its first and at its last date."""
    pairs = np.array([(rows[0], rows[-1]) for rows in source.of_places() if len(rows) > 1])
    return pairs[:, 0], pairs[:, 1]


@click.command()
@click.argument("model", default="builtin")
@data_options
def main(data: Data, model: str) -> None:
    """Print the accuracy of a probe under each shift: of the model, of what it started from, and of its teacher."""
    from landuse.models.bundle import find_bundle, read_bundle
    from tools.pretrain.features import builtin_extractor, extractor

    source, bundle = data.images(), read_bundle(find_bundle(model))
    extract = extractor(bundle.backbone)
    tuned = held_out_shifts(source, extract(source.images), extract)
    start = held_out_shifts(source, data.origin_features(source), builtin_extractor(data.origin()))
    columns = {model: tuned["all"], "start": start["all"], "teacher (MobileNetV1)": start["MobileNetV1"]}
    rows = {shift: {name: values[shift] for name, values in columns.items()} for shift in tuned["all"]}
    click.echo(table(rows))


if __name__ == "__main__":
    main()
