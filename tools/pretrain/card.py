"""The model cards of what ships."""

from __future__ import annotations

from collections.abc import Mapping

SHARED = """## Where it comes from

The network is two networks side by side: MobileNetV1 (from the quantised embedding extractor of google-coral/test_data,
Apache License 2.0), whose first eleven blocks see the image a second time at half its size, and SqueezeNet 1.1 (from
DeepCognition/keras-squeezenet, MIT License), both trained on ImageNet. Every layer was then tuned a little on aerial images
with `python -m tools.pretrain`: no array is as it was. The tuning named the classes of labelled views, told which
views show one place at two dates, and kept what the two networks had seen in the unspoilt image; for classes that it did
not see it makes no difference that could be measured. NOTICE in the repository names the origins.

## Data and licence

UC Merced Land Use (Yang and Newsam 2010; USGS imagery, public domain) with its labels, and unlabelled crops of NAIP
imagery of California at up to three dates (from urban-tree-detection-data, CC BY 4.0). The last fifth of each class was
kept out of all training, of the backbone and of the heads. {water}The weights are under the package's licence, MIT; the
origins' licences are in NOTICE.
"""
PROBES = """Logistic probe of the features, 21 classes of UC Merced: {probe_held_out_accuracy} on the held-out fifth,
which neither the backbone nor the probe has seen; five-fold
{probe_five_fold_accuracy_of_images_it_has_seen}, on images most of which the backbone has seen.
"""
LAND_USE = """# builtin

A compact convolutional network (5.5 million weights, 2,560 features, 224 px) with a head for seven classes of land use:
Developed, Barren, Forest, Shrub, Herbaceous, Cultivated, Water. It gives a first map without labels.

{shared}
## Training

{lines}

The head was fitted by the crosswalk of the legend landuse7 (harbor is left out) on the images and on views made of them:
spoilt (light, colour, blur, haze, noise, JPEG), up to 16 times coarser, mosaics of up to 5 x 5 of a class, and scenes at 0.3
to 3 m a pixel (patchworks, parcels, lakes with banks). Its temperature lies between its own and that of a head which does
not know the scenes.

## Figures

Held-out images that neither training nor calibration saw, as they are ({images_n} images): {images_accuracy} right, mean
recall of the classes {images_mean_recall}, calibration error {images_ece}.
The same images up to 16 times coarser, in other light: {coarse_accuracy} right, mean recall {coarse_mean_recall}, calibration
error {coarse_ece}. Made into scenes ({scenes_n} views, classes alike): {scenes_accuracy} right, calibration error {scenes_ece}.
{probes}
docs/backbone.md has more figures, and the command of each.

## Limits

- The labels are of one region and one sensor (USGS orthophotos of cities of the United States, 0.3 m), plus views that were
  made from these to look like coarser surveys. Expect it to be wrong elsewhere more often than the figures say.
- Barren is beach, Herbaceous is golf course, Shrub is chaparral: other kinds of these classes were never seen.
- The colours of lakes and fields in the made scenes were chosen by hand, with one survey of the Northern Plains in view,
  half of which taught lakes besides: its other half is no independent test of lakes elsewhere.
- Rare classes were given more weight than they have; shares of classes on a map are not areas without a correction.
- The confidence is somewhat low on images like those it learnt from, so that it is less too high on ground that it does
  not know.
- For a map that matters, train a head on labels of the place: `landuse train`.
"""
CLASSES = """# builtin-ucmerced

The network of `builtin` (5.5 million weights, 2,560 features, 224 px) with a head for the 21 classes of UC Merced Land Use.

{shared}
## Training

{lines}

The head is a logistic regression on the images and on one spoilt copy of each (light, colour, blur, haze, noise, JPEG).

## Figures

Held-out images that neither training nor calibration saw, as they are ({images_n} images): {images_accuracy} right,
calibration error {images_ece}; the same images spoilt: {spoilt_accuracy} right, calibration error {spoilt_ece}.
{probes}
docs/backbone.md has more figures, and the command of each.

## Limits

- An image shows 77 m of ground of a city of the United States at 0.3 m a pixel, with the thing that names the class in its
  middle. A chip of 224 m shows several such things: this head is for chips of about 77 m (`--chip-size 77`).
- Every chip gets one of 21 classes; ground of another kind gets one too.
- Dense, medium and sparse residential differ by degree; so do freeway, overpass and intersection. Most errors are there.
- The confidence is calibrated on images like those it learnt from, and too high on ground that it does not know.
"""


WATER = """Western halves of two NAIP surveys of North
Dakota (2010 and 2016, 5 m, public domain, from opengeos/data) taught the land-use head water and land without water, which
their near infrared tells apart. """


def land_use_card(metrics: Mapping[str, float], training: Mapping[str, object]) -> str:
    """The card of `builtin`, Markdown."""
    return _filled(LAND_USE, metrics, training)


def class_card(metrics: Mapping[str, float], training: Mapping[str, object]) -> str:
    """The card of `builtin-ucmerced`, Markdown."""
    return _filled(CLASSES, metrics, training)


def _filled(text: str, metrics: Mapping[str, float], training: Mapping[str, object]) -> str:
    shown = {name: _shown(name, value) for name, value in metrics.items()}
    lines = "\n".join(f"- {key}: {value}" for key, value in training.items())
    shared = SHARED.format(water=WATER if str(training.get("water")).startswith("half") else "")
    return text.format(shared=shared, lines=lines, probes=PROBES.format(**shown), **shown)


def _shown(name: str, value: float) -> str:
    if name.endswith("_n") or name == "probe_classes":
        return f"{value:.0f}"
    return f"{value:.3f}" if name.endswith("_ece") else f"{value:.1%}"
