"""The model cards of what ships."""

from __future__ import annotations

from collections.abc import Mapping

SHARED = """## Where it comes from

The network is EfficientNet-Lite0 without its last convolution (3.0 million weights), trained on ImageNet by Google and
published under the Apache License 2.0; its batch norms were folded into its weights, and nothing in it was trained further.
Its features are the pooled maps at the ends of five stages. NOTICE in the repository names the origin.

## Data and licences

{data}
The weights of the head are under the package's licence, MIT; the network's licence is in NOTICE.
"""
COLLECTIONS = """- UC Merced Land Use (Yang and Newsam 2010): USGS orthophotos of cities of the United States, 0.3 m, public
  domain.
- NWPU-RESISC45 (Cheng, Han and Lu 2017), ten of its classes: scenes of Google Earth from all over the world, 0.2 to 30 m,
  published for research.
- EuroSAT (Helber et al. 2019) in red, green and blue: Sentinel-2 scenes of Europe, 10 m; MIT, Copernicus data.

- Western halves of NAIP surveys of North Dakota of 2010 and 2016 (5 m, public domain, from opengeos/data), whose near infrared
  tells water from land.

Their folders become classes by the labels of the legend landuse7; harbor, mountain and island are left out. The last fifth of
each class was kept out of the fit."""
LAND_USE = """# builtin

A compact network (744 features, 224 px) with a head for seven classes of land use: Developed, Barren, Forest, Shrub,
Herbaceous, Cultivated, Water. It gives a first map without labels.

{shared}
## Training

{lines}

The head is a logistic regression on the images, on every third in other light, and on views of UC Merced's: up to 16 times
coarser, and mosaics of 2 x 2 to 5 x 5 neighbours of a class. Classes weigh alike, and in a class each collection as the square
root of its views. Its temperature lies between what fits held-out images and what fits collections not learnt from.

## What an unseen survey can expect

{unseen}

These are the honest figures. On held-out images of the collections that it learnt from it is right far more often
({ucmerced_accuracy} of UC Merced, {nwpu_accuracy} of NWPU-RESISC45, {eurosat_accuracy} of EuroSAT), and that says little
about another survey.
docs/backbone.md has more figures, and the command of each.

## Limits

- Wetland and open grass are thin: Herbaceous is golf course, open wetland, and pasture at 10 m. Shrub is
  chaparral of one region.
- Barren is beach and desert; mines and building sites are often called Developed.
- Classes weigh alike in the fit, so shares of rare classes on a map are not areas without a correction.
- The confidence is set for surveys that it does not know: on images like those it learnt from it is too low.
- For a map that matters, train a head on labels of the place: `landuse train`.
"""
UNSEEN = (
    ("made_2014", "the made landscape in summer"),
    ("made_2020", "the made landscape in autumn"),
    ("places", "aerial images of Californian cities"),
    ("without_ucmerced", "UC Merced, by a head that learnt from the other two collections"),
    ("without_nwpu", "NWPU-RESISC45, likewise"),
    ("without_eurosat", "EuroSAT, likewise"),
)
CLASSES = """# builtin-ucmerced

The network of `builtin` with a head for the 21 classes of UC Merced Land Use.

{shared}
## Figures

Held-out images that neither training nor calibration saw ({images_n} images): {images_accuracy} right, calibration error
{images_ece}.

## Limits

- An image shows 77 m of ground of a city of the United States at 0.3 m a pixel, with the thing that names the class in its
  middle. A chip of 224 m shows several such things: this head is for chips of about 77 m (`--chip-size 77`).
- Every chip gets one of 21 classes; ground of another kind gets one too.
- Dense, medium and sparse residential differ by degree; so do freeway, overpass and intersection. Most errors are there.
- The confidence is calibrated on images like those it learnt from, and too high on ground that it does not know.
"""


def land_use_card(metrics: Mapping[str, float], training: Mapping[str, object]) -> str:
    """The card of `builtin`, Markdown."""
    shown = {name: _shown(name, value) for name, value in metrics.items()}
    rows = [
        f"| {text} | {shown[f'{name}_accuracy']} | {shown[f'{name}_mean_recall']} | {shown[f'{name}_ece']} |"
        for name, text in UNSEEN
        if f"{name}_accuracy" in shown
    ]
    unseen = "\n".join(["| | right | mean recall of the classes | calibration error |", "|---|---|---|---|", *rows])
    lines = "\n".join(f"- {key}: {value}" for key, value in training.items())
    return LAND_USE.format(shared=SHARED.format(data=COLLECTIONS), lines=lines, unseen=unseen, **shown)


def class_card(metrics: Mapping[str, float]) -> str:
    """The card of `builtin-ucmerced`, Markdown."""
    data = "\n".join(COLLECTIONS.splitlines()[:2]) + "\n\nThe last fifth of each class was kept out of the fit."
    shown = {name: _shown(name, value) for name, value in metrics.items()}
    return CLASSES.format(shared=SHARED.format(data=data), **shown)


def _shown(name: str, value: float) -> str:
    if name.endswith("_n"):
        return f"{value:.0f}"
    return f"{value:.3f}" if name.endswith(("_ece", "temperature")) else f"{value:.1%}"
