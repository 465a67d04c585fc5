"""Reading vector files that somebody else made: areas of interest and label polygons."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pyproj import CRS

from landuse.crs import transformer
from landuse.errors import MissingCRSError, NotAVectorError, SourceNotFoundError, UsageError
from landuse.grid import Bounds
from landuse.mosaic.addresses import is_foreign

if TYPE_CHECKING:
    import geopandas as gpd

HEAD = 1024
DESCRIPTIONS = (b"<OGRVRT", b"<OGRWFS")
IN_ZIP = frozenset({".shp", ".gpkg", ".geojson", ".json", ".fgb", ".gdb", ".kml", ".gml"})
"""Endings of the vector files that are looked for in a zip archive, wherever they lie in it."""
AREAL = ("Polygon", "Surface", "Unknown", "Collection")
EDGE_PARTS = 64
"""An edge that is carried to another CRS may be this part (1 / 64) of the way across the ground: it need not stay straight."""


@dataclass(frozen=True)
class Layer:
    """One layer with geometry."""

    address: str
    name: str
    kind: str

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called: by its name, or by that of its file."""
        file = PurePosixPath(self.address)
        return self.name, file.name, file.stem


def read_vector(address: Path | str, field: str | None = None) -> gpd.GeoDataFrame:
    """All features of one layer of a vector file, with geometry made valid; features without geometry are left out.

    Args:
        address: anything GDAL reads as vectors (GeoJSON, GeoPackage, shapefile, a zip archive with one of them, a GDAL VSI
            address), or such a file, a colon and one of its layers: ``land.gpkg:parcels``.
        field: an attribute that the layer must have, which may decide between several layers.

    Raises:
        SourceNotFoundError: there is no such file.
        NotAVectorError: it cannot be read as vectors, has no feature with a geometry, or coordinates that are no numbers.
        UsageError: it has several layers, and none or none of its own is named.
        MissingCRSError: it does not say where on Earth it lies.
    """
    import shapely

    from landuse.ogr import OGR_ERRORS, pyogrio

    path, wanted = file_and_layer(address)
    layer = _chosen(path, vector_layers(path), wanted, field)
    try:
        frame = pyogrio.read_dataframe(layer.address, layer=layer.name)
    except (*OGR_ERRORS, ValueError) as error:
        raise _unreadable(path) from error
    except shapely.errors.ShapelyError as error:
        raise NotAVectorError(
            f"{path} holds a shape that is none ({error}); repair it with `ogr2ogr -makevalid`."
        ) from error
    if "geometry" not in frame.columns or frame.geometry.isna().all() or frame.geometry.is_empty.all():
        raise NotAVectorError(f"{path} holds no feature with a geometry.")
    if frame.crs is None:
        raise MissingCRSError(f"{path} has no CRS; say which one with `ogr2ogr -a_srs EPSG:n`.")
    return _mended(path, frame)


def file_and_layer(address: Path | str) -> tuple[Path, str | None]:
    """The file and the layer of ``FILE`` or ``FILE:LAYER``. Raises `SourceNotFoundError` where there is no such file."""
    text = str(address)
    if text.startswith("/vsi") or Path(text).exists():
        return Path(text), None
    for place in (i for i in range(len(text) - 1, 0, -1) if text[i] == ":"):
        if Path(text[:place]).exists():
            return Path(text[:place]), text[place + 1 :]
    raise SourceNotFoundError(f"There is no file {text}.")


def vector_layers(path: Path) -> list[Layer]:
    """The layers with geometry of a file, or of all vector files in a zip archive. Raises `NotAVectorError`."""
    from landuse.ogr import OGR_ERRORS, pyogrio

    files = _in_zip(path) if path.suffix.lower() == ".zip" else [str(path)]
    if path.is_file() and _describes_others(path):
        raise NotAVectorError(f"{path} holds no shapes but says where some are; give the file that holds them.")
    try:
        found = [Layer(file, str(n), str(kind)) for file in files for n, kind in pyogrio.list_layers(file) if kind]
    except (*OGR_ERRORS, ValueError) as error:
        raise _unreadable(path) from error
    if not found:
        raise NotAVectorError(f"{path} holds no feature with a geometry.")
    return found


def layer_fields(layer: Layer) -> tuple[str, ...]:
    """Names of the attributes of a layer."""
    from landuse.ogr import pyogrio

    return tuple(map(str, pyogrio.read_info(layer.address, layer=layer.name)["fields"]))


def _chosen(path: Path, layers: Sequence[Layer], wanted: str | None, field: str | None) -> Layer:
    """The layer that is meant: the one named, the only one, the only one with the attribute, or the only one of areas."""
    if wanted is not None:
        named = [layer for layer in layers if wanted in layer.names]
        if len(named) == 1:
            return named[0]
        raise UsageError(f"{path} has no single layer {wanted!r}; it has {', '.join(layer.name for layer in layers)}.")
    for narrowed in _narrowed(layers, field):
        if len(narrowed) == 1:
            return narrowed[0]
    names = ", ".join(layer.name for layer in layers[:20])
    raise UsageError(f"{path} has {len(layers)} layers: {names}; say which one is meant, as {path}:{layers[-1].name}.")


def _narrowed(layers: Sequence[Layer], field: str | None) -> Iterator[Sequence[Layer]]:
    yield layers
    areal = [layer for layer in layers if any(word in layer.kind for word in AREAL)]
    yield areal
    if field is not None:
        yield [layer for layer in areal if field in layer_fields(layer)]


def _in_zip(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not is_foreign(name)]
            found = dict.fromkeys(filter(None, map(_vector_file, names)))
            texts = [name for name in found if name in archive.NameToInfo]
            describing = [name for name in texts if _is_description(archive.open(name).read(HEAD))]
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise NotAVectorError(f"{path} is not a readable zip archive; it may be incomplete.") from error
    if describing:
        raise NotAVectorError(f"{path} holds {describing[0]}, which only says where shapes are; leave it out.")
    if not found:
        raise NotAVectorError(f"The archive {path} holds no shapefile, GeoPackage or GeoJSON.")
    return [f"/vsizip/{{{path.absolute()}}}/{name}" for name in found]


def _vector_file(name: str) -> str | None:
    file = PurePosixPath(name)
    outer = next((folder for folder in file.parents if folder.suffix.lower() == ".gdb"), None)
    if outer is not None:
        return str(outer)
    return name if file.suffix.lower() in IN_ZIP else None


def _describes_others(path: Path) -> bool:
    """Whether a file is a description that GDAL, whatever the file's name, would follow to other files and addresses."""
    with path.open("rb") as file:
        return _is_description(file.read(HEAD))


def _is_description(head: bytes) -> bool:
    return any(sign in head for sign in DESCRIPTIONS)


def _unreadable(path: Path) -> NotAVectorError:
    return NotAVectorError(f"{path} cannot be read as a vector file; give GeoJSON, a GeoPackage or a shapefile.")


def _mended(path: Path, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The features with geometry, made valid. Raises `NotAVectorError` where coordinates are no numbers."""
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)].reset_index(drop=True)
    if not np.isfinite(frame.geometry.get_coordinates()).to_numpy().all():
        raise NotAVectorError(f"{path} holds coordinates that are no numbers; write the file again where it was made.")
    broken = ~frame.geometry.is_valid
    if broken.any():
        frame.loc[broken, frame.geometry.name] = frame.geometry[broken].make_valid()
    return frame


def projected(shapes: npt.NDArray[np.object_], source: CRS, target: CRS, near: Bounds) -> npt.NDArray[np.object_]:
    """The parts of geometries around `near`, in another CRS; edges are cut into short pieces first.

    Args:
        shapes: geometries in `source`, shape (n,).
        near: ground in `target`. What lies far from it is cut off, because a projection fails far from home.

    Returns:
        Valid geometries in `target`, shape (n,), empty where nothing is left. In the same CRS they come back as they are.

    Raises:
        UsageError: what is left still reaches beyond the ground of `target`.
    """
    import shapely

    if source.equals(target, ignore_axis_order=True):
        return shapes
    west, south, east, north = transformer(target, source).transform_bounds(*near)
    across = max(abs(east - west), north - south)
    if west < east:  # not so where the ground lies across the antimeridian
        pad = 0.1 * across
        shapes = shapely.intersection(shapes, shapely.box(west - pad, south - pad, east + pad, north + pad))
    dense = shapely.segmentize(shapely.force_2d(shapes), across / EDGE_PARTS)
    to_target = transformer(source, target)
    moved = shapely.transform(dense, lambda xy: np.column_stack(to_target.transform(xy[:, 0], xy[:, 1])))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise UsageError(f"The shapes given reach beyond the ground that {target.name} covers; give smaller ones.")
    broken = ~shapely.is_valid(moved)
    moved[broken] = shapely.make_valid(moved[broken])
    return np.asarray(moved)
