"""What changed between two surveys: inference over pairs of probability vectors, and the sites that result."""

import landuse.light_rasterio  # noqa: F401
