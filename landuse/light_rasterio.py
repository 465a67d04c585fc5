"""rasterio without boto3, which it imports where it finds it; that doubles its time, and GDAL reads object stores here.

Each package that uses rasterio imports this first.
"""

from landuse.environment import put_off

with put_off("boto3"):
    import rasterio.session  # noqa: F401
