"""What is written for people and other programs: rasters, vectors, tables, the map page, the record of a run."""

import landuse.light_rasterio  # noqa: F401
