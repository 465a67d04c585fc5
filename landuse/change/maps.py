"""The maps that are compared: a folder of classify, or a class GeoTIFF of any producer."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from affine import Affine
from pyproj import CRS

from landuse.change.ground import SeenGround, seen_ground
from landuse.change.pixels import MapPixels, RasterPixels, RecodedPixels, components_beside, open_probabilities
from landuse.errors import (
    ConfigError,
    DamagedSourceError,
    LanduseError,
    LeftOutWarning,
    NotARasterError,
    SourceNotFoundError,
    UsageError,
)
from landuse.grid import ChipGrid
from landuse.legend import UNMAPPED, CodeArray, LandClass, Legend, load_legend
from landuse.outputs.class_raster import ClassRaster, read_class_raster
from landuse.outputs.land_use_map import COMPONENTS, MAP, PROBABILITIES
from landuse.outputs.record import THRESHOLDS, RunRecord, read_record

SPARE_COLOR = "#999999"
LISTED = 20


@dataclass(frozen=True, eq=False)
class ClassMap:
    """One map. Its cells stay on disk until a window of them is asked for.

    Attributes:
        name: what people call it: the name of its folder or file.
        files: the files it was read from.
        pixels: its cells.
        transform: north-up transform, pixel to CRS.
        crs: CRS of the map.
        legend: names of the codes.
        open: whether the legend was made of what the file holds, so that a class it lacks may just not occur there.
        grid: lattice of chips whose cells are the pixels; None for other producers' maps.
        model: digest of the model that made it; None where that is not known.
        ground: which part of each cell has imagery; None where that is not known, and then it is all of it.
    """

    name: str
    files: tuple[Path, ...]
    pixels: MapPixels
    transform: Affine
    crs: CRS
    legend: Legend
    open: bool = False
    grid: ChipGrid | None = None
    model: str | None = None
    ground: SeenGround | None = None

    @property
    def codes(self) -> CodeArray:
        """All class codes (H, W), in memory."""
        rows, cols = self.pixels.shape
        return self.pixels.codes(slice(0, rows), slice(0, cols))

    @property
    def occurring(self) -> tuple[str, ...]:
        """Names of the classes that occur, in legend order."""
        counts = self.pixels.counts
        return tuple(c.name for c in self.legend.classes if c.code in counts)

    @property
    def numbered(self) -> bool:
        """Whether its classes have no names of their own, so that their codes are all there is to compare."""
        return all(c.name == f"Class {c.code}" for c in self.legend.classes)


def read_class_map(path: Path, legend: str | None = None) -> ClassMap:
    """Read a map to compare.

    Args:
        path: a folder that classify wrote, or a single-band GeoTIFF of class codes.
        legend: names (and crosswalk) for the codes of a GeoTIFF: a shipped legend or a file. A folder of classify has its own.

    Raises:
        SourceNotFoundError: nothing is there, or a folder that is no result of classify.
        ConfigError: the legend does not know a code of the map.
        LanduseError: a file cannot be read, as `read_class_raster`.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file() and not str(path).startswith("/vsi"):
        raise SourceNotFoundError(f"There is no map {path}; give a folder of landuse classify or a class GeoTIFF.")
    raster = read_class_raster(path)
    made = raster.legend is None or raster.legend.name == "from-file"
    plain = ClassMap(
        path.stem,
        (path,),
        RasterPixels(raster),
        raster.transform,
        raster.crs,
        raster.legend or _numbered(path, raster),
        made,
    )
    return _zero_told(plain, raster) if legend is None else _renamed(plain, raster, load_legend(legend))


def regrouped(land: ClassMap, groups: Legend) -> ClassMap:
    """The map in the coarser classes of `groups`; the probabilities of a group's classes are added up.

    Raises:
        ConfigError: a class of the map names no group of `groups`.
    """
    try:
        table = land.legend.regroup(groups)
    except ConfigError as error:
        raise ConfigError(
            f"{land.name} cannot be regrouped: {error} Give it a legend with groups by --legend."
        ) from error
    members = np.array([[table[code] == group for code in land.legend.codes] for group in groups.codes])
    return replace(land, pixels=RecodedPixels(land.pixels, table, members), legend=groups, open=False)


def _read_folder(folder: Path) -> ClassMap:
    record = read_record(folder)
    if record.command != "classify":
        raise SourceNotFoundError(
            f"{folder} is the result of landuse {record.command}, not of classify, so there is no map in it to compare."
        )
    file = folder / MAP
    if THRESHOLDS in record.details:
        raise UsageError(
            f"{folder} gives a square any number of classes, so it can be compared with another such map only."
        )
    if not file.is_file():
        raise SourceNotFoundError(f"{folder} is not whole: {MAP} is missing; classify it again.")
    raster = read_class_raster(file)
    if raster.legend is None:
        raise ConfigError(f"{file} does not name its classes; classify it again.")
    probabilities = folder / PROBABILITIES
    bands = None
    if probabilities.is_file():
        bands, transform, _ = open_probabilities(probabilities, len(raster.legend))
        if bands.shape != raster.shape or not transform.almost_equals(raster.transform, 1e-6):
            raise DamagedSourceError(f"{probabilities} does not fit the {MAP} beside it; classify it again.")
    components = components_beside(folder / COMPONENTS, raster.shape, raster.transform)
    grid = grid_of(record.grid, raster.transform, raster.crs)
    return ClassMap(
        name=folder.resolve().name,
        files=tuple(path for path in (file, probabilities, folder / COMPONENTS) if path.is_file()),
        pixels=RasterPixels(raster, bands, components),
        transform=raster.transform,
        crs=raster.crs,
        legend=raster.legend,
        grid=grid,
        model=_model_of(record),
        ground=seen_ground(folder, grid, raster.transform),
    )


def _model_of(record: RunRecord) -> str | None:
    said = record.details.get("model_digest")
    return said if isinstance(said, str) else None


def grid_of(values: Mapping[str, object] | None, transform: Affine, crs: CRS) -> ChipGrid | None:
    """The chip lattice of a record, where the pixels of a raster really are its cells."""
    if values is None:
        return None
    try:
        grid = ChipGrid.from_dict(dict(values))
    except (KeyError, TypeError, ValueError, LanduseError) as error:
        raise ConfigError(f"The grid in a {MAP}'s run.json is damaged; classify it again.") from error
    shift = np.array([transform.c, transform.f]) / grid.side
    fits = abs(transform.a / grid.side - 1) < 1e-6 and np.abs(shift - np.round(shift)).max() < 0.01
    return grid if fits and grid.crs.equals(crs, ignore_axis_order=True) else None


def _numbered(path: Path, raster: ClassRaster) -> Legend:
    """A legend for codes without names."""
    if not raster.counts:
        raise NotARasterError(f"{path} holds no class at all: every pixel is no data.")
    own = {code: 0 if code == raster.zero else code for code in raster.counts}
    return Legend(
        name="from-file",
        classes=tuple(
            LandClass(code=c, name=f"Class {own[c]}", color=SPARE_COLOR) for c in sorted(own, key=own.__getitem__)
        ),
    )


def _zero_told(land: ClassMap, raster: ClassRaster) -> ClassMap:
    """The map; a `LeftOutWarning` says where 0 is taken as a class that has no name."""
    if raster.zero is not None and land.legend.name_of(raster.zero) == "Class 0":
        warnings.warn(
            f"{land.files[0]} does not say what 0 is, so it counts as a class ({raster.counts[raster.zero]:,} cells); if it "
            "is no data, say so in the file with gdal_edit -a_nodata 0.",
            LeftOutWarning,
            stacklevel=2,
        )
    return land


def _renamed(land: ClassMap, raster: ClassRaster, legend: Legend) -> ClassMap:
    """The map in the classes of a legend: its own codes where they all are the legend's, else by the legend's crosswalk.

    A `LeftOutWarning` counts what the legend does not know.
    """
    own = {0 if code == raster.zero else code for code in raster.counts}
    crossed = {s for c in legend.classes for s in c.sources}
    plain = own - {0} <= set(legend.codes) and 0 not in crossed & own
    known = set(legend.codes) if plain else crossed
    if own and not own & known:
        raise ConfigError(
            f"{land.name} holds the code {min(own - known)}, which legend {legend.name} does not have; give another --legend."
        )
    table = (legend.as_mapped() if plain else legend).crosswalk()
    if raster.zero is not None:
        table[raster.zero] = table[0]
    table[UNMAPPED] = UNMAPPED  # what is no data there is no class here, whatever the crosswalk makes of code 0
    odd = {0 if c == raster.zero else c: n for c, n in raster.counts.items() if table[c] == UNMAPPED}
    if odd:
        listed = ", ".join(f"{code} ({count:,} cells)" for code, count in list(odd.items())[:LISTED])
        warnings.warn(
            f"Codes of {land.files[0]} that are no class of the legend {legend.name} are left out: {listed}.",
            LeftOutWarning,
            stacklevel=2,
        )
    none = np.zeros((len(legend), 0), bool)
    return replace(land, pixels=RecodedPixels(land.pixels, table, none), legend=legend, open=False)


def safe_name(text: str) -> str:
    """`text` as part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.")[:60] or "map"
