"""Polygons in the formats that GIS programs read: one entry of `FORMATS` each.

Polygons go into a GeoPackage in the CRS of the lattice first, piece by piece, and stream from there into the other formats, so
that memory does not follow the map.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from pyproj import CRS

from landuse.chips.table_file import binary_array
from landuse.errors import LanduseError, UsageError
from landuse.outputs.vectors import GEOJSON_OPTIONS, Areas

GPKG, GEOJSON = "gpkg", "geojson"
DEFAULT_FORMATS = (GPKG, GEOJSON)
GPKG_OPTIONS = {"VERSION": "1.3"}
"""The newest version of GeoPackage that programs of 2022 read without a warning."""
AT_ONCE = 5_000
"""Polygons that are added to a GeoPackage in one transaction."""
EQUATOR_M_PER_PIXEL = 156_543.03
"""Ground of a pixel of a web map at zoom 0."""
EARTH_M = 6_371_000.0
CELL_PIXELS = 8
"""Pixels across a cell at the deepest zoom of vector tiles; a client draws on from there."""
LEAST_ZOOM, MOST_ZOOM = 6, 14


@dataclass(frozen=True)
class Layer:
    """What is written: the name of the layer, its CRS, and the side of a cell in metres."""

    name: str
    crs: CRS
    cell_m: float

    @classmethod
    def of_raster(cls, name: str, crs: CRS, transform: Affine) -> Layer:
        """The layer of the polygons of a north-up raster."""
        axis = crs.axis_info[0]
        return cls(name, crs, abs(transform.a) * axis.unit_conversion_factor * (EARTH_M if crs.is_geographic else 1.0))


Convert = Callable[[Path, Path, Layer], None]
"""Writes a file (the second path) from a GeoPackage (the first)."""


@dataclass(frozen=True)
class VectorFormat:
    """A format: its suffix, and how a GeoPackage becomes one (None for itself)."""

    suffix: str
    convert: Convert | None = None


def _to_geojson(package: Path, path: Path, layer: Layer) -> None:
    _stream(package, path, "GeoJSON", layer.name, layer_options=GEOJSON_OPTIONS)


def _to_flatgeobuf(package: Path, path: Path, layer: Layer) -> None:
    _stream(package, path, "FlatGeobuf", layer.name)


def _to_pmtiles(package: Path, path: Path, layer: Layer) -> None:
    """Vector tiles down to the zoom at which a cell is some pixels wide; nothing where there is no polygon to be tiled."""
    from landuse.ogr import pyogrio

    if not pyogrio.read_info(package)["features"]:
        return
    zoom = math.log2(EQUATOR_M_PER_PIXEL * CELL_PIXELS / layer.cell_m)
    most = round(min(max(zoom, LEAST_ZOOM), MOST_ZOOM))
    options = {"MINZOOM": "0", "MAXZOOM": str(most), "NAME": layer.name}
    _stream(package, path, "PMTiles", layer.name, dataset_options=options)


def _demoted(reader: Any, geometry: str) -> Any:  # noqa: ANN401
    """A reader of the same batches, with polygons in place of multipolygons of one part."""
    import pyarrow as pa

    place = reader.schema.get_field_index(geometry)
    field = reader.schema.field(place)

    def demoted(batch: Any) -> Any:  # noqa: ANN401
        """A batch so changed."""
        shapes = np.asarray(shapely.from_wkb(batch.column(place).to_pylist()))
        lone = shapely.get_num_geometries(shapes) == 1
        shapes[lone] = shapely.get_geometry(shapes[lone], 0)
        return batch.set_column(place, field, binary_array(shapely.to_wkb(shapes)))

    return pa.RecordBatchReader.from_batches(reader.schema, map(demoted, reader))


def _stream(package: Path, path: Path, driver: str, layer: str, **options: Mapping[str, str]) -> None:
    """Pour the features of a GeoPackage into a file of another driver of GDAL, batch by batch."""
    from landuse.ogr import pyogrio

    with pyogrio.open_arrow(package, use_pyarrow=True, batch_size=AT_ONCE) as (about, reader):
        pyogrio.write_arrow(
            _demoted(reader, about["geometry_name"]) if driver == "GeoJSON" else reader,
            path,
            layer=layer,
            driver=driver,
            geometry_name=about["geometry_name"],
            geometry_type="MultiPolygon" if driver == "FlatGeobuf" else "Unknown",
            crs=about["crs"],
            **options,
        )


def _to_parquet(package: Path, path: Path, layer: Layer) -> None:
    """GeoParquet 1.1, a row group for each batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from landuse.chips.writing import geo_metadata
    from landuse.ogr import pyogrio

    with pyogrio.open_arrow(package, use_pyarrow=True, batch_size=65_536) as (about, reader):
        names = ["geometry" if name == about["geometry_name"] else name for name in reader.schema.names]
        plain = [field.remove_metadata().with_name(name) for field, name in zip(reader.schema, names, strict=True)]
        geo = geo_metadata(layer.crs, ("Polygon", "MultiPolygon"))
        schema = pa.schema(plain, metadata={b"geo": json.dumps(geo)})
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_table(pa.Table.from_arrays(list(batch.columns), schema=schema))


FORMATS: Mapping[str, VectorFormat] = {
    GPKG: VectorFormat(".gpkg"),
    GEOJSON: VectorFormat(".geojson", _to_geojson),
    "fgb": VectorFormat(".fgb", _to_flatgeobuf),
    "parquet": VectorFormat(".parquet", _to_parquet),
    "pmtiles": VectorFormat(".pmtiles", _to_pmtiles),
}
"""Every format by the name that ``--formats`` takes."""


def formats_of(text: str) -> tuple[str, ...]:
    """The formats of a text such as ``gpkg,fgb``, each once, and GeoJSON in any case: the map page is made of it.

    Raises:
        UsageError: there is no such format.
    """
    formats = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"There is no vector format {name!r}; --formats takes {', '.join(FORMATS)}.")
    return tuple(dict.fromkeys((*formats, GEOJSON)))


@contextmanager
def areas_writer(folder: Path, layer: Layer, formats: Sequence[str] = DEFAULT_FORMATS) -> Iterator[AreasWriter]:
    """Yield a writer of polygons; at the end there is a file ``folder/<layer name><suffix>`` in each format, and in GeoJSON.

    Raises `LanduseError`: a file cannot be written.
    """
    package = folder / (f"{layer.name}.gpkg" if GPKG in formats else f".{layer.name}.scratch.gpkg")
    try:
        writer = AreasWriter(package, layer)
        yield writer
        writer.flush()
        for one in (FORMATS[name] for name in dict.fromkeys((*formats, GEOJSON))):
            _convert(one, package, folder / f"{layer.name}{one.suffix}", layer)
    finally:
        if GPKG not in formats:
            package.unlink(missing_ok=True)


def _convert(one: VectorFormat, package: Path, path: Path, layer: Layer) -> None:
    from landuse.ogr import OGR_ERRORS

    if one.convert is None:
        return
    try:
        one.convert(package, path, layer)
    except (*OGR_ERRORS, OSError) as error:
        raise LanduseError(f"Cannot write {path}: {error}.") from error


class AreasWriter:
    """Adds polygons to a GeoPackage, some thousands at a time."""

    def __init__(self, path: Path, layer: Layer) -> None:
        self._path, self._layer = path, layer
        self._waiting: list[Areas] = []
        self._begun = False

    def write(self, areas: Areas) -> None:
        """Add a feature for each polygon."""
        if len(areas) or not (self._begun or self._waiting):
            self._waiting.append(areas)
        if sum(map(len, self._waiting)) >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what waits; the first time also where that is no polygon, so that there is a layer."""
        from landuse.ogr import OGR_ERRORS, pyogrio

        if not self._waiting:
            return
        columns = {
            name: np.concatenate([_column(areas.columns[name]) for areas in self._waiting])
            for name in self._waiting[0].columns
        }
        polygons = np.concatenate([areas.polygons for areas in self._waiting])
        try:
            pyogrio.raw.write(
                self._path,
                shapely.to_wkb(polygons),
                list(columns.values()),
                list(columns),
                layer=self._layer.name,
                driver="GPKG",
                geometry_type="MultiPolygon",
                promote_to_multi=True,
                crs=self._layer.crs.to_wkt(),
                append=self._begun,
                dataset_options={} if self._begun else GPKG_OPTIONS,
            )
        except (*OGR_ERRORS, OSError) as error:
            raise LanduseError(f"Cannot write {self._path}: {error}.") from error
        self._begun, self._waiting = True, []


def _column(values: Sequence[Any] | npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values if isinstance(values, np.ndarray) else np.array(values, object)
