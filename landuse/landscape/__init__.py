"""A made landscape: seeded imagery of two survey years with known truth, for demos and tests of any size."""

from landuse.landscape.make import make_landscape
from landuse.landscape.spec import LandscapeSpec

__all__ = ["LandscapeSpec", "make_landscape"]
