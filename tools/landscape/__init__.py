"""A made landscape: seeded imagery of two survey years with known truth, for demos and tests of any size."""

from tools.landscape.make import make_landscape
from tools.landscape.spec import LandscapeSpec

__all__ = ["LandscapeSpec", "make_landscape"]
