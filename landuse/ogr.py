"""pyogrio without pandas and geopandas, which take it most of a second to import and which it needs for data frames alone."""

from landuse.environment import put_off

with put_off("geopandas"), put_off("pandas"):
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

OGR_ERRORS = (DataLayerError, DataSourceError, FeatureError, GeometryError)
"""What pyogrio raises of a file that it cannot read or write."""

__all__ = ["OGR_ERRORS", "pyogrio"]
