"""Results in Python: rasters as an xarray dataset, a small picture for a notebook, and a folium map with other layers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from landuse.errors import UsageError
from landuse.legend import MOST_CODE, Legend
from landuse.outputs.categories import categories_of, palette_of
from landuse.outputs.land_use_map import LandUseMap
from landuse.outputs.views import encoded

if TYPE_CHECKING:
    import folium
    import geopandas
    import xarray


PREVIEW_PX = 480
"""Longest side of the picture that a notebook shows."""


def read_grids(folder: Path) -> xarray.Dataset:
    """The rasters of a folder of `classify`.

    Returns:
        `landuse` (y, x), class codes, 0 = no data, with the names in `flag_values` and `flag_meanings` as CF has it, where
        there is such a raster; `probabilities` float32 (class, y, x), NaN where unknown; the CRS as `spatial_ref`, which
        rioxarray reads.

    Raises `UsageError`: xarray is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        raise UsageError("to_xarray needs the library xarray: pip install 'landuse[xarray]'.") from error
    legend = LandUseMap(folder).legend
    with rasterio.open(folder / "probabilities.tif") as dataset:
        bands, transform, crs, shape = dataset.read(), dataset.transform, dataset.crs, dataset.shape
    found = xarray.Dataset(
        {"probabilities": (("class", "y", "x"), bands, {"grid_mapping": "spatial_ref"})},
        coords={
            "class": list(legend.names),
            "y": transform.f + transform.e * (np.arange(shape[0]) + 0.5),
            "x": transform.c + transform.a * (np.arange(shape[1]) + 0.5),
            "spatial_ref": ((), 0, {"crs_wkt": crs.to_wkt(), "spatial_ref": crs.to_wkt()}),
        },
    )
    if not (folder / "landuse.tif").is_file():
        return found
    with rasterio.open(folder / "landuse.tif") as dataset:
        codes = dataset.read(1)
    said = {
        "flag_values": np.array(legend.codes, codes.dtype),
        "flag_meanings": " ".join(name.replace(" ", "_") for name in legend.names),
        "grid_mapping": "spatial_ref",
    }
    return found.assign(landuse=(("y", "x"), codes, said))


def colour_table(legend: Legend) -> npt.NDArray[np.uint8]:
    """RGBA (65536, 4) of every code of a raster; clear where the legend has no class."""
    table = np.zeros((MOST_CODE + 1, 4), np.uint8)
    for code, colour in palette_of(categories_of(legend)).items():
        table[code] = colour
    return table


def preview_html(path: Path, label: str) -> str:
    """A raster with a palette as an image element of at most 480 pixels a side; nothing where there is no such file."""
    if not path.is_file():
        return ""
    with rasterio.open(path) as dataset:
        step = max(1.0, max(dataset.shape) / PREVIEW_PX)
        shape = tuple(max(1, round(side / step)) for side in dataset.shape)
        codes = dataset.read(1, out_shape=shape)
    picture = colour_table(LandUseMap(path.parent).legend)[codes].transpose(2, 0, 1)
    data = base64.b64encode(encoded(picture, "PNG")).decode()
    return f'<img alt="{label}" src="data:image/png;base64,{data}" style="image-rendering: pixelated">'


MAX_PX = 1536
"""Longest side of a map's picture: a browser shows it at once."""
OPACITY = 0.6
SITE_STYLE = {"color": "#d7191c", "weight": 2, "fillOpacity": 0.1}
SITE_WORDS = ("from", "to", "area_ha", "probability", "tier")


def web_map(
    maps: Sequence[Path], sites: geopandas.GeoDataFrame | None = None, tiles: str = "OpenStreetMap"
) -> folium.Map:
    """Land-use maps as layers, and change sites over them.

    Args:
        maps: folders of `classify`, of one class a chip. The last is shown at first.
        sites: polygons with the columns of `change.geojson`, in any CRS.
        tiles: what lies below: a name or an address of tiles that folium takes.

    Returns:
        A map in EPSG:3857 that a notebook shows and `save` writes. Its browser fetches Leaflet and the tiles; `landuse map`
        draws a page that needs no network.
    """
    import folium

    page = folium.Map(tiles=tiles)
    for path in maps:
        _add_map(page, path, shown=path == maps[-1])
    if sites is not None and len(sites):
        _add_sites(page, sites)
    folium.LayerControl(collapsed=False).add_to(page)
    page.fit_bounds(page.get_bounds())
    return page


def _add_map(page: folium.Map, folder: Path, *, shown: bool) -> None:
    from folium.raster_layers import ImageOverlay

    with rasterio.open(folder / "landuse.tif") as source, WarpedVRT(source, crs="EPSG:3857", nodata=0) as warped:
        step = max(1.0, max(warped.shape) / MAX_PX)
        height, width = (max(1, round(side / step)) for side in warped.shape)
        codes = warped.read(1, out_shape=(height, width), resampling=Resampling.nearest)
        west, south, east, north = transform_bounds(warped.crs, "EPSG:4326", *warped.bounds)
    colours = colour_table(LandUseMap(folder).legend)
    bounds = [[south, west], [north, east]]
    ImageOverlay(colours[codes], bounds, opacity=OPACITY, name=escape(folder.name), show=shown).add_to(page)


def _add_sites(page: folium.Map, sites: geopandas.GeoDataFrame) -> None:
    """Outlines that say what they are when they are pointed at; words of strangers are text there, never markup."""
    import folium

    shown = sites.to_crs(4326)[[*(name for name in SITE_WORDS if name in sites), "geometry"]]
    for name in shown.columns.drop("geometry"):
        shown[name] = [escape(f"{value:.3g}" if isinstance(value, float) else str(value)) for value in shown[name]]
    words = folium.GeoJsonTooltip(list(shown.columns.drop("geometry")))
    folium.GeoJson(shown, name="Change", tooltip=words, style_function=lambda _: SITE_STYLE).add_to(page)


def table_html(rows: Sequence[Sequence[object]]) -> str:
    """A table, its heading first, every word escaped; nothing for no rows."""
    if not rows:
        return ""
    lines = [
        "<tr>" + "".join(f"<{cell}>{escape(str(value))}</{cell}>" for value in row) + "</tr>"
        for row, cell in zip(rows, ["th", *["td"] * (len(rows) - 1)], strict=True)
    ]
    return f"<table>{''.join(lines)}</table>"


def read_features(path: Path, columns: Sequence[str]) -> geopandas.GeoDataFrame:
    """The features of a file; where there is none, no rows with the columns that they would have."""
    import geopandas

    found = geopandas.read_file(path)
    return (
        found if len(found) else geopandas.GeoDataFrame(columns=[*columns, "geometry"], geometry="geometry", crs=4326)
    )
