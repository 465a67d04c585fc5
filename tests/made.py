"""Small rasters, surveys and chip tables for tests."""

from itertools import chain
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS

from landuse.chips import ChipSet, SourceLists, image_order
from landuse.grid import CellRange, ChipGrid
from landuse.legend import Legend
from landuse.mosaic.source import BandAddress, Source
from landuse.mosaic.survey import Survey

UTM = CRS.from_epsg(26918)


def raster(path: Path, data: np.ndarray, transform: Affine, crs="EPSG:26918", **profile) -> Path:
    """A GeoTIFF of data shaped (H, W) or (bands, H, W)."""
    bands = data if data.ndim == 3 else data[np.newaxis]
    shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype.name}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, **shape, **profile) as image:
        image.write(bands)
    return path


def survey(names=("a.tif",), crs: CRS = UTM) -> Survey:
    """A survey of sources that exist on paper only."""
    sources = [
        Source(name, (BandAddress(f"/nowhere/{name}", 1),), crs.to_wkt(), (1.0, 0.0, 0.0, 0.0, -1.0, 500.0), 500, 500)
        for name in names
    ]
    return Survey(tuple(sources), (1, 2, 3))


def chip_set(cells=CellRange(-20, 20, -20, 20), legend: Legend | None = None, seed=0) -> ChipSet:  # noqa: B008
    """Chips of a range of cells, with sources and, with a legend, labels and shares drawn at random."""
    rng = np.random.default_rng(seed)
    rows, cols = cells.arrays()
    order = image_order(rows, cols)
    counts = rng.integers(0, 3, len(rows))
    numbers = [sorted(rng.choice(3, count, replace=False)) for count in counts]
    sources = SourceLists(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array(list(chain.from_iterable(numbers)), np.int32),
    )
    chips = ChipSet(
        grid=ChipGrid(UTM),
        survey=survey(("a.tif", "b.tif", "c.tif")),
        rows=rows[order],
        cols=cols[order],
        valid=rng.random(len(rows), dtype=np.float32),
        sources=sources,
    )
    return chips if legend is None else _labelled(chips, legend, rng)


def _labelled(chips: ChipSet, legend: Legend, rng: np.random.Generator) -> ChipSet:
    from dataclasses import replace

    shares = rng.dirichlet(np.ones(len(legend)), len(chips)).astype(np.float32)
    shares[shares < 0.1] = 0
    labels = rng.choice([0, *legend.codes], len(chips)).astype(np.uint8)
    return replace(chips, legend=legend, labels=labels, purity=shares.max(axis=1), shares=shares)
