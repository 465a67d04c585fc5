"""Small maps, written as the stages and as other programs write them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from pyproj import CRS

from landuse.change.comparison import ChangeRule, compare
from landuse.change.passes import ChangeFiles, add_up, infer_cells, smooth_states
from landuse.change.scratch import cell_scratch
from landuse.change.sites import find_sites, site_file
from landuse.grid import CellRange, ChipGrid
from landuse.legend import load_legend
from landuse.outputs.cog import Place, bands_cog, change_cog, write_bands_cog, write_class_cog
from landuse.outputs.record import RunRecord, write_record

UTM = CRS.from_epsg(26914)
CORNER = (20_000, 2_500)  # lattice row and column of the south-west corner


def classified(folder, probabilities, *, legend="nlcd6", missing=None, row=CORNER[0], col=CORNER[1], grid=None):
    """A folder of classify from probabilities (K, H, W); cells of the mask `missing` hold nothing."""
    grid = grid or ChipGrid(UTM)
    legend = load_legend(legend) if isinstance(legend, str) else legend
    shape = probabilities.shape[1:]
    missing = np.zeros(shape, bool) if missing is None else missing
    codes = np.where(missing, 0, np.asarray(legend.codes, np.uint8)[probabilities.argmax(axis=0)]).astype(np.uint8)
    transform = grid.transform(CellRange(row, row + shape[0], col, col + shape[1]), 1)
    folder.mkdir()
    write_class_cog(folder / "landuse.tif", codes, transform, grid.crs, legend)
    bands = np.where(missing, np.nan, probabilities).astype(np.float32)
    write_bands_cog(folder / "probabilities.tif", bands, transform, grid.crs, legend.names)
    write_record(folder, RunRecord(command="classify", grid=grid.as_dict(), legend=legend.model_dump(mode="json")))
    return folder


def foreign(path, codes, *, names=None, epsg=26914, pixel=30.0, x=600_000.0, y=4_500_000.0, dtype="uint8", nodata=0):
    """A class GeoTIFF as another program writes it, with category names where given."""
    profile = {
        "driver": "GTiff",
        "height": codes.shape[0],
        "width": codes.shape[1],
        "count": 1,
        "dtype": dtype,
        "crs": f"EPSG:{epsg}",
        "transform": rasterio.Affine(pixel, 0, x, 0, -pixel, y),
        "nodata": nodata,
    }
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(codes.astype(dtype), 1)
    if names:
        lines = "".join(f"<Category>{names.get(code, '')}</Category>" for code in range(max(names) + 1))
        sidecar = (
            f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{lines}</CategoryNames></PAMRasterBand></PAMDataset>'
        )
        path.with_name(f"{path.name}.aux.xml").write_text(sidecar)
    return path


@dataclass(frozen=True, eq=False)
class ArrayPixels:
    """The cells of a map in memory: codes (H, W), and probabilities (K, H, W) or None."""

    all_codes: np.ndarray
    bands: np.ndarray | None = None
    components: None = None

    @property
    def shape(self):
        return self.all_codes.shape

    @property
    def counts(self):
        codes, counts = np.unique(self.all_codes[self.all_codes > 0], return_counts=True)
        return dict(zip(codes.tolist(), counts.tolist(), strict=True))

    @property
    def rated(self):
        return self.bands is not None

    def codes(self, rows, cols):
        return self.all_codes[rows, cols].copy()

    def probabilities(self, rows, cols):
        return self.bands[:, rows, cols]


class Seen:
    """Two maps compared, and all that is said of their cells, as images and tables."""

    def __init__(self, before, after, rule=None):
        self.found = compare(before, after, rule or ChangeRule())
        self.block = self.found.whole()
        self.differ, self.cells = self.block.differ, self.found.inferred(self.block)
        shape = self.found.overlap.shape
        with TemporaryDirectory() as name, cell_scratch(Path(name), shape, len(self.found.legend)) as scratch:
            place = Place(self.found.before.crs, self.found.overlap.transform, shape)
            with bands_cog(Path(name) / "p.tif", place, ("P(change)",)) as writer:
                self.tally = infer_cells(self.found, scratch, writer)
            if self.found.rule.smooth:
                smooth_states(self.found, scratch)
            with rasterio.open(Path(name) / "p.tif") as dataset:
                self.probability = dataset.read(1)
            with site_file(Path(name)) as sites:
                find_sites(self.found, scratch, sites)
                (self.sites,) = sites.ranked(confirmed=True)
            self.confirmed = scratch.kinds.is_confirmed(scratch.states(slice(0, shape[0])))
            numbers = dict(zip(self.found.legend.names, range(1, 100), strict=False))
            with change_cog(Path(name) / "change.tif", place, self.found.legend, numbers) as writer:
                self.totals = add_up(self.found, scratch, ChangeFiles(writer, numbers, None))


def sharp(codes, classes=6, sure=0.999):
    """Probabilities (K, H, W) of class positions (H, W), a little different in every cell."""
    rng = np.random.default_rng(int(codes.sum()) % 1000)
    rest = rng.dirichlet(np.ones(classes), codes.shape).transpose(2, 0, 1) * (1 - sure)
    rest += np.eye(classes)[codes].transpose(2, 0, 1) * sure
    return rest / rest.sum(axis=0)
