"""Results as a folium map: for a notebook or a page of one's own, over an online base map, with other layers to be added."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from landuse.outputs.grids import colour_table
from landuse.outputs.land_use_map import LandUseMap

if TYPE_CHECKING:
    import folium
    import geopandas

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
