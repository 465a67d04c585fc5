"""Reading vector files that somebody else made: areas of interest and label polygons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landuse.errors import MissingCRSError, NotAVectorError, SourceNotFoundError

if TYPE_CHECKING:
    import geopandas as gpd


def read_vector(path: Path | str) -> gpd.GeoDataFrame:
    """All features of the first layer of a vector file, with geometry made valid; features without geometry are left out.

    Args:
        path: anything GDAL reads as vectors (GeoJSON, GeoPackage, shapefile, a GDAL VSI address).

    Raises:
        SourceNotFoundError: there is no such file.
        NotAVectorError: it cannot be read as vectors, or has no feature with a geometry.
        MissingCRSError: it does not say where on Earth it lies.
    """
    import pyogrio
    from pyogrio.errors import DataSourceError, FeatureError, GeometryError

    if not str(path).startswith("/vsi") and not Path(path).exists():
        raise SourceNotFoundError(f"There is no file {path}.")
    try:
        frame = pyogrio.read_dataframe(path)
    except (DataSourceError, FeatureError, GeometryError, ValueError) as error:
        raise NotAVectorError(
            f"{path} cannot be read as a vector file; give GeoJSON, a GeoPackage or a shapefile."
        ) from error
    if "geometry" not in frame.columns or frame.geometry.isna().all() or frame.geometry.is_empty.all():
        raise NotAVectorError(f"{path} holds no feature with a geometry.")
    if frame.crs is None:
        raise MissingCRSError(f"{path} has no CRS; say which one with `ogr2ogr -a_srs EPSG:n`.")
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)].reset_index(drop=True)
    broken = ~frame.geometry.is_valid
    if broken.any():
        frame.loc[broken, frame.geometry.name] = frame.geometry[broken].make_valid()
    return frame
