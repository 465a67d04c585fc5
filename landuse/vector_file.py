"""Reading vector files that somebody else made: areas of interest and label polygons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer

from landuse.errors import MissingCRSError, NotAVectorError, SourceNotFoundError, UsageError
from landuse.grid import Bounds

if TYPE_CHECKING:
    import geopandas as gpd

HEAD = 1024
DESCRIPTIONS = (b"<OGRVRT", b"<OGRWFS")
EDGE_PARTS = 64
"""An edge that is carried to another CRS may be this part (1 / 64) of the way across the ground: it need not stay straight."""


def read_vector(path: Path | str) -> gpd.GeoDataFrame:
    """All features of the first layer of a vector file, with geometry made valid; features without geometry are left out.

    Args:
        path: anything GDAL reads as vectors (GeoJSON, GeoPackage, shapefile, a GDAL VSI address).

    Raises:
        SourceNotFoundError: there is no such file.
        NotAVectorError: it cannot be read as vectors, has no feature with a geometry, or coordinates that are no numbers.
        MissingCRSError: it does not say where on Earth it lies.
    """
    import pyogrio
    import shapely
    from pyogrio.errors import DataSourceError, FeatureError, GeometryError

    if not str(path).startswith("/vsi") and not Path(path).exists():
        raise SourceNotFoundError(f"There is no file {path}.")
    if _speaks_of_others(Path(path)):
        raise NotAVectorError(f"{path} holds no shapes but says where some are; give the file that holds them.")
    try:
        frame = pyogrio.read_dataframe(path)
    except (DataSourceError, FeatureError, GeometryError, ValueError) as error:
        raise NotAVectorError(
            f"{path} cannot be read as a vector file; give GeoJSON, a GeoPackage or a shapefile."
        ) from error
    except shapely.errors.ShapelyError as error:
        raise NotAVectorError(
            f"{path} holds a shape that is none ({error}); repair it with `ogr2ogr -makevalid`."
        ) from error
    if "geometry" not in frame.columns or frame.geometry.isna().all() or frame.geometry.is_empty.all():
        raise NotAVectorError(f"{path} holds no feature with a geometry.")
    if frame.crs is None:
        raise MissingCRSError(f"{path} has no CRS; say which one with `ogr2ogr -a_srs EPSG:n`.")
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)].reset_index(drop=True)
    if not np.isfinite(frame.geometry.get_coordinates()).to_numpy().all():
        raise NotAVectorError(f"{path} holds coordinates that are no numbers; write the file again where it was made.")
    broken = ~frame.geometry.is_valid
    if broken.any():
        frame.loc[broken, frame.geometry.name] = frame.geometry[broken].make_valid()
    return frame


def _speaks_of_others(path: Path) -> bool:
    """Whether a file is a description that GDAL, whatever the file's name, would follow to other files and addresses."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(HEAD)
    return any(sign in head for sign in DESCRIPTIONS)


def carried(shapes: npt.NDArray[np.object_], source: CRS, target: CRS, near: Bounds) -> npt.NDArray[np.object_]:
    """The parts of geometries around `near`, in another CRS; edges are cut into short pieces first.

    Args:
        shapes: geometries in `source`, shape (n,).
        source: CRS they are in.
        target: CRS they come back in.
        near: ground in `target`. What lies far from it is cut off, because a projection fails far from home.

    Returns:
        Valid geometries in `target`, shape (n,), empty where nothing is left. In the same CRS they come back as they are.

    Raises:
        UsageError: what is left still reaches beyond the ground of `target`.
    """
    import shapely

    if source.equals(target, ignore_axis_order=True):
        return shapes
    west, south, east, north = Transformer.from_crs(target, source, always_xy=True).transform_bounds(*near)
    across = max(abs(east - west), north - south)
    if west < east:  # not so where the ground lies across the antimeridian
        pad = 0.1 * across
        shapes = shapely.intersection(shapes, shapely.box(west - pad, south - pad, east + pad, north + pad))
    transformer = Transformer.from_crs(source, target, always_xy=True)
    dense = shapely.segmentize(shapely.force_2d(shapes), across / EDGE_PARTS)
    moved = shapely.transform(dense, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise UsageError(f"The shapes given reach beyond the ground that {target.name} covers; give smaller ones.")
    broken = ~shapely.is_valid(moved)
    moved[broken] = shapely.make_valid(moved[broken])
    return np.asarray(moved)
