"""Many rasters read as one: addresses, headers, windows, resampling, masks and coverage."""

from landuse.environment import put_off

with put_off(
    "boto3"
):  # rasterio imports it where it finds it, which doubles its time, and GDAL reads object stores here
    import rasterio.session  # noqa: F401

from landuse.mosaic.coverage import coverage
from landuse.mosaic.reader import MosaicReader, Pixels
from landuse.mosaic.source import Source
from landuse.mosaic.survey import Survey, open_survey

__all__ = ["MosaicReader", "Pixels", "Source", "Survey", "coverage", "open_survey"]
