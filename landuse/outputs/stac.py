"""STAC: what a result folder holds, where, of when and made of what, in `item.json`, and catalogs of such folders.

STAC 1.1 with the extensions projection, raster, classification and file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rasterio
from pyproj import CRS

from landuse.crs import transformer
from landuse.errors import ConfigError, OutputExistsError, SourceNotFoundError
from landuse.outputs.categories import read_sidecar
from landuse.outputs.record import RunRecord, file_digest
from landuse.outputs.tables import write_json
from landuse.text import year_in

ITEM, CATALOG = "item.json", "catalog.json"
VERSION = "1.1.0"
EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v2.0.0", "raster/v2.0.0", "classification/v2.0.0", "file/v2.1.0")
)
SHA256 = "1220"
"""What a multihash of SHA-256 begins with: the number of the function and the length of 32 bytes."""
MEDIA_TYPES: Mapping[str, tuple[str, str]] = {
    ".tif": ("image/tiff; application=geotiff; profile=cloud-optimized", "data"),
    ".geojson": ("application/geo+json", "data"),
    ".gpkg": ("application/geopackage+sqlite3", "data"),
    ".fgb": ("application/vnd.flatgeobuf", "data"),
    ".parquet": ("application/vnd.apache.parquet", "data"),
    ".pmtiles": ("application/vnd.pmtiles", "data"),
    ".csv": ("text/csv", "metadata"),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "metadata"),
    ".json": ("application/json", "metadata"),
    ".xml": ("application/xml", "metadata"),
    ".qml": ("application/xml", "style"),
    ".lyrx": ("application/json", "style"),
    ".sld": ("application/vnd.ogc.sld+xml", "style"),
}
"""Media type and role of the files of a folder, by their ending."""


def write_item(folder: Path, name: str, raster: str, record: RunRecord, inner: Sequence[str] = ()) -> None:
    """Write `item.json` of a folder that holds everything but its `run.json`.

    Args:
        name: what the result is called; a year in it is when the ground looked so.
        raster: the file that says where the result lies.
        inner: files of folders below that are assets too, by their paths from `folder`.
    """
    with rasterio.open(folder / raster) as dataset:
        crs, shape, transform = CRS.from_user_input(dataset.crs), dataset.shape, list(dataset.transform)[:6]
        bounds = tuple(dataset.bounds)
    west, south, east, north = transformer(crs, 4326).transform_bounds(*bounds)
    files = [path.name for path in folder.iterdir() if path.is_file()]
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item = {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": name,
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "bbox": [west, south, east, north],
        "properties": _dates(name, record)
        | _projection(crs)
        | {"proj:bbox": list(bounds), "proj:shape": list(shape), "proj:transform": transform},
        "links": _links(record),
        "assets": {name: _asset(folder / name, name) for name in [*sorted(files), *inner]},
    }
    write_json(folder / ITEM, item)


def _dates(name: str, record: RunRecord) -> dict[str, Any]:
    """When the ground looked so, if the name tells the year; else when the result was made."""
    title = {"title": f"landuse {record.command}: {name}", "created": record.created}
    year = year_in(name)
    if year is None:
        return title | {"datetime": record.created}
    span = {"start_datetime": f"{year}-01-01T00:00:00Z", "end_datetime": f"{year}-12-31T23:59:59Z"}
    return title | {"datetime": None} | span


def _projection(crs: CRS) -> dict[str, Any]:
    authority = crs.to_authority()
    code = None if authority is None else ":".join(authority)
    return (
        {"proj:code": code}
        if code and CRS.from_user_input(code) == crs
        else {"proj:code": None, "proj:wkt2": crs.to_wkt()}
    )


def _links(record: RunRecord) -> list[dict[str, str]]:
    inputs = [{"rel": "derived_from", "href": one.path, "title": Path(one.path).name} for one in record.inputs]
    return [*inputs, {"rel": "describedby", "href": "./run.json", "type": "application/json"}]


def _asset(path: Path, href: str) -> dict[str, Any]:
    media, role = MEDIA_TYPES.get(path.suffix.lower(), ("application/octet-stream", "metadata"))
    digest = file_digest(path).removeprefix("sha256:")
    about = {"href": f"./{href}", "type": media, "roles": [role]}
    sized = about | {"file:size": path.stat().st_size, "file:checksum": SHA256 + digest}
    return sized | (_bands(path) if path.suffix.lower() == ".tif" else {})


def _bands(path: Path) -> dict[str, Any]:
    with rasterio.open(path) as dataset:
        nodata = "nan" if dataset.nodata != dataset.nodata else dataset.nodata
        bands = [
            {"name": name or f"band {number}", "data_type": dtype, "nodata": nodata, **({"unit": unit} if unit else {})}
            for number, (name, dtype, unit) in enumerate(
                zip(dataset.descriptions, dataset.dtypes, dataset.units, strict=True), 1
            )
        ]
        found: dict[str, Any] = {"bands": bands, "raster:spatial_resolution": dataset.res[0]}
    classes = [
        {
            "value": c.value,
            "name": re.sub(r"[^0-9A-Za-z_-]+", "_", c.name) or "_",
            "title": c.name,
            "description": c.name,
            "color_hint": c.color[1:].upper(),
        }
        for c in read_sidecar(path)
    ]
    return found | ({"classification:classes": classes} if classes else {})


def write_catalog(folders: Sequence[Path], out: Path, title: str, *, fresh: bool = False) -> Path:
    """Write `catalog.json` to a folder, with a relative link to the item of each result folder; return its path.

    Raises:
        SourceNotFoundError: a folder holds no item.
        ConfigError: an item is damaged.
        OutputExistsError: there is a catalog already, and `fresh` is not given.
    """
    path = out / CATALOG
    if path.exists() and not fresh:
        raise OutputExistsError(f"{path} is there already; give another --out, or --fresh to replace it.")
    items = {
        Path(os.path.relpath((folder / ITEM).resolve(), out.resolve())).as_posix(): str(_read_item(folder / ITEM)["id"])
        for folder in folders
    }
    out.mkdir(parents=True, exist_ok=True)
    write_json(path, catalog_content(out.resolve().name, title, items))
    return path


def catalog_content(name: str, title: str, items: Mapping[str, str]) -> dict[str, Any]:
    """A catalog that links to items: their ids by relative addresses."""
    links: list[dict[str, str]] = [{"rel": "root", "href": f"./{CATALOG}", "type": "application/json"}]
    links += [
        {"rel": "item", "href": href, "type": "application/geo+json", "title": item} for href, item in items.items()
    ]
    about = {"id": name, "title": title, "description": title or "Land-use maps and changes"}
    return {"type": "Catalog", "stac_version": VERSION, **about, "links": links}


def _read_item(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SourceNotFoundError(f"There is no {path}; give folders that landuse classify or landuse diff wrote.")
    try:
        item = json.loads(path.read_text("utf8"))
        if item["type"] == "Feature" and isinstance(item["id"], str):
            return dict(item)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is damaged: it is no STAC item.") from error
    raise ConfigError(f"{path} is no STAC item.")
