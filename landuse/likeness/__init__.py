"""Chips that look like one another, and changes that look like one another: a search over features that a run kept."""

import landuse.light_rasterio  # noqa: F401
