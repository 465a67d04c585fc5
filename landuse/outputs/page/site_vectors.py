"""What the model made of a change site in one year: the mean of its cells' probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import CRS, Transformer
from rasterio.features import rasterize

from landuse.errors import ConfigError
from landuse.outputs.categories import plain_text
from landuse.outputs.cog import RASTER_ERRORS
from landuse.outputs.map_writer import PROBABILITIES
from landuse.outputs.page.folders import MapYear, Place


def site_vectors(year: MapYear, sites: Sequence[Place], index: Mapping[str, int]) -> npt.NDArray[np.int64] | None:
    """Mean probabilities of sites in per cent, (sites, classes), classes by `index`; None where the year has none.

    A site without a known cell has zeros.
    """
    path = year.folder / PROBABILITIES
    if not sites or not path.is_file():
        return None
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            ids = _numbered(sites, dataset)
            found = np.zeros((len(sites), len(index)))
            for band, name in enumerate(dataset.descriptions, 1):
                position = index.get(plain_text(name or ""))
                if position is not None:
                    found[:, position] = _means(ids, dataset.read(band), len(sites))
    except RASTER_ERRORS as error:
        raise ConfigError(f"{path} is damaged: its pixels cannot be read.") from error
    return np.round(100 * found).astype(np.int64)


def _numbered(sites: Sequence[Place], dataset: rasterio.DatasetReader) -> npt.NDArray[np.int32]:
    """The number of the site on each cell, from 1; 0 where there is none."""
    to_grid = Transformer.from_crs(4326, CRS.from_user_input(dataset.crs), always_xy=True)
    shapes = [
        (
            {
                "type": "MultiPolygon",
                "coordinates": [[_carried(ring, to_grid) for ring in rings] for rings in site.polygons],
            },
            i,
        )
        for i, site in enumerate(sites, 1)
    ]
    ids: npt.NDArray[np.int32] = rasterize(shapes, dataset.shape, transform=dataset.transform, dtype="int32")
    return ids


def _carried(ring: Sequence[Sequence[float]], to_grid: Transformer) -> list[tuple[float, float]]:
    lon, lat = np.asarray(ring, np.float64)[:, :2].T
    return list(zip(*(side.tolist() for side in to_grid.transform(lon, lat)), strict=True))


def _means(ids: npt.NDArray[np.int32], values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float64]:
    """Mean of the known values of each number, (count,)."""
    here = (ids > 0) & np.isfinite(values)
    cells = np.bincount(ids[here], minlength=count + 1)[1:]
    total = np.bincount(ids[here], weights=values[here], minlength=count + 1)[1:]
    return np.asarray(total / np.maximum(cells, 1))
