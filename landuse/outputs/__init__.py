"""What is written for people and other programs: rasters, vectors, tables, the map page, the record of a run."""

from landuse.environment import put_off

with put_off(
    "boto3"
):  # rasterio imports it where it finds it, which doubles its time, and GDAL reads object stores here
    import rasterio.session  # noqa: F401
