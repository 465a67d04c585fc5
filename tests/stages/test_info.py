"""`landuse info` of a raster."""

import numpy as np
from affine import Affine

from landuse.stages.info import describe_raster
from tests.made import raster


def test_bounds_of_a_raster_are_whole(tmp_path):
    path = raster(tmp_path / "a.tif", np.full((8, 8), 1, np.uint8), Affine(1, 0, 448_000, 0, -1, 4_479_308))
    assert dict(describe_raster(path))["bounds"] == "448000 4479300 448008 4479308"
