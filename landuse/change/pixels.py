"""The cells of a map that is compared, read in windows: as they lie on disk, and as other maps made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.windows import Window

from landuse.errors import DamagedSourceError
from landuse.legend import CodeArray
from landuse.models.learnt_features import MOST_COMPONENTS, Bytes
from landuse.outputs.class_raster import ClassRaster
from landuse.outputs.cog import RASTER_ERRORS

Bands = npt.NDArray[np.float32]


class MapPixels(Protocol):
    """(H, W) cells of a map."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""

    @property
    def counts(self) -> Mapping[int, int]:
        """Cells of each code that occurs but 0."""

    @property
    def rated(self) -> bool:
        """Whether there are probabilities."""

    @property
    def components(self) -> ComponentRaster | None:
        """Principal components of the network's features; None where there are none."""

    def codes(self, rows: slice, cols: slice) -> CodeArray:
        """Class codes (h, w) of a window; 0 = no data."""

    def probabilities(self, rows: slice, cols: slice) -> Bands:
        """Probabilities float32 (K, h, w) of a window, in the order of the map's legend; NaN where unknown."""


@dataclass(frozen=True, eq=False)
class RasterPixels:
    """A class raster, and the raster of its probabilities where it has one."""

    raster: ClassRaster
    bands: ProbabilityRaster | None = None
    components: ComponentRaster | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """See `MapPixels`."""
        return self.raster.shape

    @property
    def counts(self) -> Mapping[int, int]:
        """See `MapPixels`."""
        return self.raster.counts

    @property
    def rated(self) -> bool:
        """See `MapPixels`."""
        return self.bands is not None

    def codes(self, rows: slice, cols: slice) -> CodeArray:
        """See `MapPixels`."""
        return self.raster.read(rows, cols)

    def probabilities(self, rows: slice, cols: slice) -> Bands:
        """See `MapPixels`."""
        if self.bands is None:
            return np.empty((0, rows.stop - rows.start, cols.stop - cols.start), np.float32)
        return self.bands.read(rows, cols, whole=True)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise `DamagedSourceError` where the pixels of a raster cannot be read."""
    try:
        yield
    except RASTER_ERRORS as error:
        raise DamagedSourceError(
            f"The pixels of {path} cannot be read; the file may be damaged or cut short."
        ) from error


@dataclass(frozen=True, eq=False)
class BandRaster:
    """A raster of several bands on disk."""

    path: Path
    shape: tuple[int, int]

    def _window(self, rows: slice, cols: slice, dtype: str) -> Any:  # noqa: ANN401
        with reading(self.path):
            return self._dataset.read(window=Window.from_slices(rows, cols), out_dtype=dtype)

    @cached_property
    def _dataset(self) -> Any:  # noqa: ANN401
        return rasterio.open(self.path, driver="GTiff")


@dataclass(frozen=True, eq=False)
class ProbabilityRaster(BandRaster):
    """A raster of probabilities, a band a class. `open_probabilities` checks that it is one."""

    def read(self, rows: slice, cols: slice, *, whole: bool) -> Bands:
        """A window, float32 (K, h, w), NaN where any class is not known.

        Raises:
            DamagedSourceError: its pixels cannot be read or are no probabilities; where `whole`, they sum to 1 as well.
        """
        bands: Bands = self._window(rows, cols, "float32")
        known = np.isfinite(bands).all(axis=0)
        all_known = bool(known.all())
        given = bands if all_known else bands[:, known]
        total = given.sum(axis=0)
        if (given < 0).any() or (given > 1.01).any() or (whole and (np.abs(total - 1) >= 0.01).any()):
            raise DamagedSourceError(f"{self.path} holds values that are no probabilities; classify it again.")
        return bands if all_known else np.where(known, bands, np.float32(np.nan))


@dataclass(frozen=True, eq=False)
class ComponentRaster(BandRaster):
    """A raster of principal components, as `landuse.outputs.cog.components_cog` writes it."""

    transform: Affine
    count: int

    def read(self, rows: slice, cols: slice) -> Bytes:
        """A window, uint8 (M, h, w), 0 where there are none. Raises `DamagedSourceError` where it cannot be read."""
        values: Bytes = self._window(rows, cols, "uint8")
        return values


def open_components(path: Path) -> ComponentRaster:
    """A raster of components. Raises `DamagedSourceError` where it cannot be read, or is none."""
    with reading(path), rasterio.open(path, driver="GTiff") as dataset:
        if set(dataset.dtypes) != {"uint8"} or dataset.count > MOST_COMPONENTS:
            raise DamagedSourceError(f"{path} holds no components; classify the survey again.")
        return ComponentRaster(path, dataset.shape, dataset.transform, dataset.count)


def components_beside(path: Path, shape: tuple[int, int], transform: Affine) -> ComponentRaster | None:
    """The raster of components beside a map of this shape and transform; None where there is no such file.

    Raises:
        DamagedSourceError: as `open_components`, and where it does not fit the map.
    """
    if not path.is_file():
        return None
    found = open_components(path)
    if found.shape != shape or not found.transform.almost_equals(transform, 1e-6):
        raise DamagedSourceError(f"{path} does not fit the map beside it; classify the survey again.")
    return found


def shared_components(maps: Sequence[MapPixels]) -> list[ComponentRaster] | None:
    """The components of maps, where all of them have as many."""
    found = [pixels.components for pixels in maps if pixels.components is not None]
    return found if len(found) == len(maps) and len({one.count for one in found}) == 1 else None


def open_probabilities(path: Path, classes: int) -> tuple[ProbabilityRaster, Affine, Any]:
    """A raster of probabilities, its transform and its CRS.

    Raises:
        DamagedSourceError: it cannot be read, or does not hold a band for each class.
    """
    with reading(path), rasterio.open(path, driver="GTiff") as dataset:
        if dataset.count != classes:
            raise DamagedSourceError(f"{path} does not hold a band for each class; classify the survey again.")
        return ProbabilityRaster(path, dataset.shape), dataset.transform, dataset.crs


@dataclass(frozen=True, eq=False)
class RecodedPixels:
    """A map in other classes.

    Attributes:
        base: the map.
        table: the new code of every code, by code.
        members: bool (K, base's K), which classes of the base are summed in each new one.
    """

    base: MapPixels
    table: CodeArray
    members: npt.NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """See `MapPixels`."""
        return self.base.shape

    @cached_property
    def counts(self) -> Mapping[int, int]:
        """See `MapPixels`."""
        found: dict[int, int] = {}
        for code, count in self.base.counts.items():
            if new := int(self.table[code]):
                found[new] = found.get(new, 0) + count
        return dict(sorted(found.items()))

    @property
    def rated(self) -> bool:
        """See `MapPixels`."""
        return self.base.rated

    @property
    def components(self) -> ComponentRaster | None:
        """See `MapPixels`."""
        return self.base.components

    def codes(self, rows: slice, cols: slice) -> CodeArray:
        """See `MapPixels`."""
        codes: CodeArray = self.table[self.base.codes(rows, cols)]
        return codes

    def probabilities(self, rows: slice, cols: slice) -> Bands:
        """See `MapPixels`."""
        bands = self.base.probabilities(rows, cols)
        if np.array_equal(self.members, np.eye(len(bands), dtype=bool)):
            return bands
        found = np.zeros((len(self.members), *bands.shape[1:]), np.float32)
        found[:, np.isnan(bands[:1]).any(axis=0)] = np.nan
        for new, old in zip(*np.nonzero(self.members), strict=True):
            found[new] += bands[old]
        return found
