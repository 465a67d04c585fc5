"""The rasters of a map as grids in Python: an xarray dataset, and a small picture for a notebook."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import catch_warnings

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from landuse.errors import UsageError
from landuse.legend import MOST_CODE, Legend
from landuse.outputs.land_use_map import LandUseMap

if TYPE_CHECKING:
    import xarray

PREVIEW_PX = 480
"""Longest side of the picture that a notebook shows."""


def read_grids(folder: Path) -> xarray.Dataset:
    """The rasters of a folder of `classify`.

    Returns:
        `landuse` (y, x), class codes, 0 = no data, with the names in `flag_values` and `flag_meanings` as CF has it, where
        there is such a raster; `probabilities` float32 (class, y, x), NaN where unknown; the CRS as `spatial_ref`, which
        rioxarray reads.

    Raises:
        UsageError: xarray is not installed.
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
    for code, colour in legend.palette().items():
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
    with catch_warnings(action="ignore", category=NotGeoreferencedWarning), MemoryFile() as file:  # it is a picture
        with file.open(driver="PNG", count=4, height=shape[0], width=shape[1], dtype="uint8") as png:
            png.write(picture)
        data = base64.b64encode(file.read()).decode()
    return f'<img alt="{label}" src="data:image/png;base64,{data}" style="image-rendering: pixelated">'
