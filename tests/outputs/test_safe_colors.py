"""That colour-blind readers can tell the page's second palette apart, as CIEDE2000 measures it."""

import math
from itertools import combinations

import numpy as np
import pytest

from landuse.legend import load_legend
from landuse.outputs.page.payload import SAFE, safe_colors

# Machado, Oliveira and Fernandes (2009), severity 1.0; applied to linear sRGB.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
APART = 12.0
"""CIEDE2000 between two colours; about twelve times what is just noticed."""
LIGHT = "#d8d4c8"
"""Light imagery, such as bare fields."""


def lab(color, kind):
    value = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    seen = np.clip(SEEN[kind] @ linear, 0, 1)
    ratio = XYZ @ seen / (XYZ @ np.ones(3))
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def ciede2000(one, two):
    """Sharma, Wu and Dalal (2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, two
    mean = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean**7 / (mean**7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, a)) % 360 if a or b else 0.0 for a, b in ((a1, b1), (a2, b2)))
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    dl, dc, dh = l2 - l1, c2 - c1, 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))
    light, c = (l1 + l2) / 2, (c1 + c2) / 2
    h = h1 + h2 if c1 * c2 == 0 else (h1 + h2) / 2 + (180 if abs(h1 - h2) > 180 else 0)
    cos = [math.cos(math.radians(x)) for x in (h - 30, 2 * h, 3 * h + 6, 4 * h - 63)]
    t = 1 - 0.17 * cos[0] + 0.24 * cos[1] + 0.32 * cos[2] - 0.20 * cos[3]
    sl, sc, sh = 1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2), 1 + 0.045 * c, 1 + 0.015 * c * t
    rt = -math.sin(math.radians(60 * math.exp(-(((h - 275) / 25) ** 2)))) * 2 * math.sqrt(c**7 / (c**7 + 25**7))
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh))


@pytest.mark.parametrize(
    ("one", "two", "distance"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_distances_are_those_of_the_paper(one, two, distance):
    assert ciede2000(one, two) == pytest.approx(distance, abs=1e-4)


@pytest.mark.parametrize("kind", list(SEEN))
def test_every_two_colours_are_told_apart(kind):
    closest = min((ciede2000(lab(a, kind), lab(b, kind)), a, b) for a, b in combinations(SAFE, 2))
    assert closest[0] >= APART, closest


def over(color, ground):
    """A colour at the page's strength of colours over imagery of one colour."""
    parts = ((int(color[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(0.6 * one + 0.4 * below):02x}" for one, below in parts)


@pytest.mark.parametrize("kind", list(SEEN))
def test_developed_and_cultivated_are_told_apart_over_imagery(kind):
    """Over light and dark ground."""
    legend = load_legend("landuse7")
    colors = dict(zip(legend.names, safe_colors([c.color for c in legend.classes]), strict=True))
    for ground in ("#303830", "#8a8f7c", LIGHT):
        mixed = (over(colors[name], ground) for name in ("Developed", "Cultivated"))
        assert ciede2000(*(lab(c, kind) for c in mixed)) >= APART


@pytest.mark.parametrize(("pair", "distance"), [(("Developed", "Cultivated"), 8.1), (("Barren", "Shrub"), 6.8)])
def test_the_legends_own_colours_come_as_near_as_the_documents_say(pair, distance):
    colors = {c.name: c.color for c in load_legend("landuse7").classes}
    one, two = (lab(over(colors[name], LIGHT), "deuteranopia") for name in pair)
    assert ciede2000(one, two) == pytest.approx(distance, abs=0.06)


def test_each_class_gets_a_colour_of_its_own_near_its_own():
    colors = [c.color for c in load_legend("landuse7").classes]
    found = safe_colors(colors)
    assert len(set(found)) == len(colors)
    assert safe_colors(["#0000ff"]) == ["#000099"]
    assert safe_colors(["#123456"] * 40) == ["#123456"] * 40
