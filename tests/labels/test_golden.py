"""Golden G6 and G7 on the National Land Cover Database of north-west Connecticut, where it is at hand."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import CRS

from landuse.grid import Bounds, ChipGrid
from landuse.labels import LabelRequest, label_cells
from landuse.labels.raster import open_raster_labels
from landuse.labels.rules import RULES, rule_points
from landuse.legend import load_legend

NLCD = Path(__file__).parents[2] / "../shared/data/nlcd/connecticut_30m.tif"
LEGEND = load_legend("nlcd6")
pytestmark = pytest.mark.skipif(not NLCD.is_file(), reason="the raster of G6 and G7 is not at hand")


def counted(codes):
    counts = np.bincount(codes.ravel(), minlength=7)
    return {"none": int(counts[0])} | {LEGEND.name_of(code): int(counts[code]) for code in LEGEND.codes}


def test_g6_class_pixels():
    with rasterio.open(NLCD) as dataset:
        found = counted(LEGEND.classify_codes(dataset.read(1)))
    assert found == {
        "Forest": 2_584_949,
        "Developed": 356_335,
        "Cultivated": 186_490,
        "none": 90_659,
        "Shrub": 34_192,
        "Herbaceous": 28_910,
        "Barren": 8_385,
    }


def test_g7_nine_point_rule():
    with rasterio.open(NLCD) as dataset:
        bounds = Bounds(*dataset.bounds)
    grid = ChipGrid(CRS.from_epsg(5070))
    rows, cols = grid.within(bounds).arrays()
    assert len(rows) == 58_604
    labels = label_cells(grid, rows, cols, LabelRequest(NLCD, LEGEND, "nine-point"))
    assert counted(labels.codes) == {
        "Forest": 30_899,
        "Developed": 1_369,
        "Cultivated": 247,
        "Barren": 10,
        "Herbaceous": 7,
        "Shrub": 7,
        "none": 22_684 + 3_381,
    }
    points = rule_points(RULES["nine-point"], grid, rows, cols)
    with open_raster_labels(NLCD, LEGEND, grid.crs, bounds) as source:
        rings = np.array([[(bounds.west, bounds.south), (bounds.east, bounds.south), (bounds.east, bounds.north)]])
        at_points = source.read(rings, points.reshape(1, -1, 2)).points.reshape(-1, 9)
    assert (at_points == 0).any(axis=1).sum() == 3_381
    assert (labels.shares.sum(axis=1) < 1 + 1e-6).all()
