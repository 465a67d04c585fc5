"""Many rasters read as one: addresses, headers, windows, resampling, masks and coverage."""

import landuse.light_rasterio  # noqa: F401
from landuse.mosaic.coverage import coverage
from landuse.mosaic.reader import MosaicReader, Pixels
from landuse.mosaic.source import Source
from landuse.mosaic.survey import Survey, open_survey

__all__ = ["MosaicReader", "Pixels", "Source", "Survey", "coverage", "open_survey"]
