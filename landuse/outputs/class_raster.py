"""Reading a class map: one of ours, or any single-band GeoTIFF of class codes that another program wrote."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pydantic import ValidationError
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window

from landuse.errors import BandsError, DamagedSourceError, MissingCRSError, NotARasterError, UsageError
from landuse.legend import UNMAPPED, LandClass, Legend
from landuse.outputs.cog import LEGEND_TAG, RASTER_ERRORS
from landuse.outputs.sidecar import plain_text

DRIVERS = ("GTiff", "HFA")
MAX_CELLS = 2_000_000_000
STRIP_CELLS = 2**24
NAME_LENGTH = 80
# Okabe and Ito's colours, for codes that come without one.
SPARE_COLORS = ("#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442", "#999999")


@dataclass(frozen=True)
class ClassRaster:
    """A class map in memory.

    Attributes:
        codes: class codes, uint8 (H, W); 0 = no data.
        transform: north-up transform, pixel to CRS.
        crs: CRS of the map.
        legend: names and colours; None where the file says nothing of its codes.
    """

    codes: npt.NDArray[np.uint8]
    transform: Affine
    crs: CRS
    legend: Legend | None


def read_class_raster(path: str | Path) -> ClassRaster:
    """Read a single-band raster of class codes 1 to 255, whatever integer (or whole-number float) type holds them.

    Pixels that the file declares as no data become 0. The legend is the one that landuse wrote; otherwise it is made of the
    file's category names and palette; a code that occurs without a name is called ``Class <code>``.

    Raises:
        NotARasterError: the file is no GeoTIFF (or ERDAS Imagine file).
        BandsError: it has several bands.
        MissingCRSError: it does not say where on Earth it lies.
        UsageError: it is rotated, too large for memory, or its values are no class codes.
        DamagedSourceError: its pixels cannot be read.
    """
    dataset = _open(path)
    with dataset:
        _check(path, dataset)
        codes = _read_codes(path, dataset)
        return ClassRaster(codes, dataset.transform, _crs(path, dataset), _legend(dataset, codes))


def _open(path: str | Path) -> Any:  # noqa: ANN401
    """Open with one of the few drivers that hold class maps: others may fetch from the network what a file names."""
    for driver in DRIVERS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            try:
                return rasterio.open(path, driver=driver)
            except RASTER_ERRORS:
                continue
    raise NotARasterError(f"{path} cannot be read as a GeoTIFF; give a class map as a GeoTIFF.")


def _check(path: str | Path, dataset: Any) -> None:  # noqa: ANN401
    """Raise unless the open dataset can be a class map."""
    if dataset.count != 1:
        raise BandsError(f"{path} has {dataset.count} bands; a class map has one, so this may be imagery.")
    if dataset.crs is None or dataset.transform.is_identity:
        raise MissingCRSError(
            f"{path} does not say where on Earth it lies; set its CRS, for example with gdal_edit -a_srs."
        )
    if not dataset.transform.is_rectilinear or dataset.transform.e >= 0 or dataset.transform.a <= 0:
        raise UsageError(f"{path} is rotated or upside down; make it north-up with gdalwarp.")
    if dataset.width * dataset.height > MAX_CELLS:
        raise UsageError(
            f"{path} has {dataset.width:,} x {dataset.height:,} pixels, more than a class map may have; cut it."
        )
    if np.issubdtype(np.dtype(dataset.dtypes[0]), np.complexfloating):
        raise UsageError(f"{path} holds complex numbers, which are no class codes.")


def _crs(path: str | Path, dataset: Any) -> CRS:  # noqa: ANN401
    """The dataset's CRS for pyproj."""
    try:
        return CRS.from_user_input(dataset.crs)
    except CRSError as error:
        raise MissingCRSError(
            f"PROJ does not know the CRS of {path}; set it, for example with gdal_edit -a_srs."
        ) from error


def _read_codes(path: str | Path, dataset: Any) -> npt.NDArray[np.uint8]:  # noqa: ANN401
    """All pixels as uint8, strip by strip, so that a wide type never stands in memory whole."""
    codes = np.zeros((dataset.height, dataset.width), np.uint8)
    lines = max(1, STRIP_CELLS // dataset.width)
    for top in range(0, dataset.height, lines):
        window = Window(0, top, dataset.width, min(lines, dataset.height - top))
        try:
            values, mask = dataset.read(1, window=window), dataset.read_masks(1, window=window)
        except RASTER_ERRORS as error:
            raise DamagedSourceError(f"The pixels of {path} cannot be read; the file may be cut short.") from error
        codes[top : top + lines] = _as_codes(path, np.where(mask > 0, values, 0))
    return codes


def _as_codes(path: str | Path, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Values that are whole numbers from 0 to 255, as uint8. NaN is no data."""
    if np.issubdtype(values.dtype, np.floating):
        values = np.where(np.isnan(values), 0, values)
    wrong = (values < 0) | (values > 255) | (values != np.floor(values))
    if wrong.any():
        raise UsageError(f"{path} holds the value {values[wrong][0]:g}; class codes are whole numbers from 1 to 255.")
    return values.astype(np.uint8)


def _legend(dataset: Any, codes: npt.NDArray[np.uint8]) -> Legend | None:  # noqa: ANN401
    """The legend that the file carries, or one made of its category names and palette."""
    occurring = np.flatnonzero(np.bincount(codes.ravel(), minlength=256)).tolist()
    own = _own_legend(dataset.tags().get(LEGEND_TAG))
    if own is not None and set(occurring) <= {UNMAPPED, *own.codes}:
        return own
    names, palette = _category_names(dataset), _palette(dataset)
    if not names and not palette:
        return None
    chosen = sorted({*names, *occurring} - {UNMAPPED})
    return _made_legend(chosen, names, palette) if chosen else None


def _own_legend(text: str | None) -> Legend | None:
    """The legend in a tag that landuse wrote; None where the tag is absent or damaged."""
    try:
        return Legend.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _palette(dataset: Any) -> dict[int, tuple[int, int, int, int]]:  # noqa: ANN401
    """RGBA by value; empty where the band has no palette."""
    try:
        return dict(dataset.colormap(1))
    except ValueError:
        return {}


def _category_names(dataset: Any) -> dict[int, str]:  # noqa: ANN401
    """Names by code, wherever GDAL finds them for this format; empty names left out.

    rasterio cannot ask for them, but a VRT that GDAL writes of the dataset lists them.
    """
    with tempfile.TemporaryDirectory(prefix="landuse-") as folder:
        vrt = Path(folder) / "names.vrt"
        copy_raster(dataset, vrt, driver="VRT")
        categories = ElementTree.parse(vrt).getroot().find("VRTRasterBand/CategoryNames")
    if categories is None:
        return {}
    texts = (_one_line(plain_text(category.text or "")) for category in categories)
    return {code: text for code, text in enumerate(texts) if text and UNMAPPED < code <= 255}


def _one_line(name: str) -> str:
    """A name of somebody's file as one line that can be printed."""
    return "".join(char if char.isprintable() else " " for char in name).strip()


def _made_legend(
    chosen: list[int], names: Mapping[int, str], palette: Mapping[int, tuple[int, int, int, int]]
) -> Legend:
    """A legend of the chosen codes. A name that stands twice gets its code behind it, because names are unique."""
    wanted = {code: names.get(code, f"Class {code}")[:NAME_LENGTH] for code in chosen}
    texts = list(wanted.values())
    classes = []
    for index, (code, name) in enumerate(wanted.items()):
        unique = name if texts.count(name) == 1 else f"{name[: NAME_LENGTH - 6]} ({code})"
        red, green, blue = palette[code][:3] if code in palette else (0, 0, 0)
        spare = SPARE_COLORS[index % len(SPARE_COLORS)]
        color = f"#{red:02X}{green:02X}{blue:02X}" if code in palette else spare
        classes.append(LandClass(code=code, name=unique, color=color))
    return Legend(name="from-file", classes=tuple(classes))
