"""All regions of a raster that is in memory."""

import numpy as np

from landuse.outputs.polygons import Regions, Sweep


def regions_of(values, weights, spacing):
    """All regions of a raster (H, W); those that reach the last line come last."""
    sweep = Sweep(values.shape[1], len(weights), spacing)
    inside, last = sweep.add(values, weights), sweep.skip_to(len(values) + 1)
    return Regions(
        np.concatenate([inside.values, last.values]),
        np.concatenate([inside.sums, last.sums]),
        np.concatenate([inside.polygons, last.polygons]),
    )
