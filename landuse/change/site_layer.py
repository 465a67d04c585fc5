"""The polygons of change sites, read back from a folder of `diff`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from landuse.errors import ConfigError, SourceNotFoundError
from landuse.outputs.styles import CHANGE

if TYPE_CHECKING:
    import geopandas
    import pandas

FILES = (f"{CHANGE}.gpkg", f"{CHANGE}.geojson")
COLUMNS = ("site", "from", "to", "area_ha", "probability", "tier")


def read_site_table(folder: Path) -> pandas.DataFrame:
    """`COLUMNS` of every site, without its polygon; the index is what `read_site_shapes` takes. Raises as it."""
    table: pandas.DataFrame = _read(folder, columns=list(COLUMNS), read_geometry=False, fid_as_index=True)
    return table


def read_site_shapes(folder: Path, index: Sequence[int] | None = None) -> geopandas.GeoDataFrame:
    """The polygons of some sites, or of all, with `COLUMNS`, in the CRS of the file.

    Raises:
        SourceNotFoundError: the folder has no polygons of sites.
        ConfigError: they are damaged.
    """
    return _read(folder, columns=list(COLUMNS), fids=index)


def _read(folder: Path, **how: object) -> geopandas.GeoDataFrame:
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise SourceNotFoundError(f"There is no {FILES[-1]} in {folder}, so it is not whole; compare the maps again.")
    try:
        found = pyogrio.read_dataframe(path, layer=CHANGE, **how)
    except (DataSourceError, DataLayerError) as error:
        raise ConfigError(f"{path} is damaged: it holds no sites of change.") from error
    if not set(COLUMNS) <= set(found.columns):
        raise ConfigError(f"{path} is damaged: its sites lack a column.")
    return found
