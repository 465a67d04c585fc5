"""Class maps on disk: one of ours, or any single-band GeoTIFF of class codes that another program wrote."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
from landuse.legend import (
    LEGEND_TAG,
    MOST_CLASSES,
    MOST_CODE,
    UNMAPPED,
    CodeArray,
    LandClass,
    Legend,
    same_name,
    spare_code,
)
from landuse.outputs.categories import plain_text
from landuse.outputs.cog import RASTER_ERRORS

DRIVERS = ("GTiff", "HFA")
MAX_CELLS = 2_000_000_000
STRIP_CELLS = 2**20
NAME_LENGTH = 80
ZERO = 65535
"""Marks, while a file is read, what is a class of the code 0; no code of a file is as large."""
NOTHING = frozenset(
    {
        "",
        "no data",
        "nodata",
        "no-data",
        "none",
        "null",
        "unclassified",
        "unmapped",
        "unknown",
        "background",
        "fill",
        "0",
    }
)
"""Names of the code 0 that say that it is no class."""
# Okabe and Ito's colours, for codes that come without one.
SPARE_COLORS = ("#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442", "#999999")


@dataclass(frozen=True, eq=False)
class ClassRaster:
    """A class map on disk: what is in it is known, its cells are read in windows.

    Attributes:
        shape: (rows, columns).
        transform: north-up transform, pixel to CRS.
        legend: names and colours; None where the file says nothing of its codes.
        counts: pixels of each code that occurs but 0, in the order of the codes.
        zero: the code here of what is a class with the code 0 in the file; None where 0 is no data or does not occur.
    """

    path: str | Path
    shape: tuple[int, int]
    transform: Affine
    crs: CRS
    legend: Legend | None
    counts: Mapping[int, int]
    zero: int | None = None

    @property
    def codes(self) -> CodeArray:
        """All cells (H, W), in memory."""
        return self.read(slice(0, self.shape[0]), slice(0, self.shape[1]))

    def read(self, rows: slice, cols: slice) -> CodeArray:
        """Class codes of a window, uint8 or where that is too small uint16 (h, w); 0 = no data.

        Raises:
            DamagedSourceError: its pixels cannot be read.
        """
        codes = _read_lines(self.path, self._dataset, Window.from_slices(rows, cols), zero_counts=self.zero is not None)
        if self.zero is not None:
            codes[codes == ZERO] = self.zero
        return codes.astype(np.uint8 if max(self.counts, default=0) <= MOST_CLASSES else np.uint16)

    @cached_property
    def _dataset(self) -> Any:  # noqa: ANN401
        return _open(self.path)


def read_class_raster(path: str | Path) -> ClassRaster:
    """Open a single-band raster of class codes 0 to 65535, whatever integer (or whole-number float) type holds them.

    It is gone over once, so that all codes are known. Pixels that the file declares as no data become 0. So do those of the
    code 0 where the file's names or its palette say that it is nothing; elsewhere 0 is a class like any other (Dynamic
    World's water), and gets a spare code here. The legend is the one that landuse wrote; otherwise it is made of the file's
    category names and palette; a code that occurs without a name is called ``Class <code>``.

    Raises:
        NotARasterError: the file is no GeoTIFF (or ERDAS Imagine file).
        BandsError: it has several bands.
        MissingCRSError: it does not say where on Earth it lies.
        UsageError: it is rotated, too large, or its values are no class codes.
        DamagedSourceError: its pixels cannot be read.
    """
    with _open(path) as dataset:
        _check(path, dataset)
        names, palette = _category_names(dataset), _palette(dataset)
        counts, zero = _spared(_counted(path, dataset, zero_counts=_zero_counts(dataset, names, palette)))
        if zero is not None:
            names[zero] = names.get(UNMAPPED) or "Class 0"
            palette |= {zero: palette[UNMAPPED]} if UNMAPPED in palette else {}
        names.pop(UNMAPPED, None)
        if len(counts) > MOST_CLASSES:
            raise UsageError(
                f"{path} holds {len(counts):,} different values, and a class map has {MOST_CLASSES} classes at most; "
                "this may be imagery, or numbers of parcels."
            )
        legend = _legend(dataset, list(counts), names, palette)
        return ClassRaster(path, dataset.shape, dataset.transform, _crs(path, dataset), legend, counts, zero)


def _open(path: str | Path) -> Any:  # noqa: ANN401
    for driver in DRIVERS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            try:
                return rasterio.open(path, driver=driver)
            except RASTER_ERRORS:
                continue
    raise NotARasterError(f"{path} cannot be read as a GeoTIFF; give a class map as a GeoTIFF.")


def _check(path: str | Path, dataset: Any) -> None:  # noqa: ANN401
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
    try:
        return CRS.from_user_input(dataset.crs)
    except CRSError as error:
        raise MissingCRSError(
            f"PROJ does not know the CRS of {path}; set it, for example with gdal_edit -a_srs."
        ) from error


def _zero_counts(dataset: Any, names: Mapping[int, str], palette: Mapping[int, tuple[int, ...]]) -> bool:  # noqa: ANN401
    """Whether 0 is a class: nothing in the file's names, palette or legend says that it is none."""
    unnamed = bool(names) and same_name(names.get(UNMAPPED, "")) in NOTHING
    colour = palette.get(UNMAPPED, (255, 255, 255, 255))
    clear = colour[3] == 0 or not any(colour[:3])  # a GeoTIFF keeps no alpha: entries that nobody set are black there
    return not (unnamed or clear or dataset.tags().get(LEGEND_TAG))


def _spared(counts: dict[int, int]) -> tuple[dict[int, int], int | None]:
    """The counts with a spare code for what is marked as a class of the code 0; and that code."""
    zeros = counts.pop(ZERO, 0)
    if not zeros:
        return counts, None
    spare = spare_code(counts.keys())
    return dict(sorted((counts | {spare: zeros}).items())), spare


def _counted(path: str | Path, dataset: Any, *, zero_counts: bool) -> dict[int, int]:  # noqa: ANN401
    """Pixels of each code that occurs but 0, in the order of the codes; `ZERO` stands for 0 where it counts."""
    total = np.zeros(MOST_CODE + 1, np.int64)
    lines = max(1, STRIP_CELLS // dataset.width)
    for top in range(0, dataset.height, lines):
        window = Window(0, top, dataset.width, min(lines, dataset.height - top))
        total += np.bincount(_read_lines(path, dataset, window, zero_counts=zero_counts).ravel(), minlength=len(total))
    return {int(code): int(total[code]) for code in np.flatnonzero(total) if code != UNMAPPED}


def _read_lines(path: str | Path, dataset: Any, window: Window, *, zero_counts: bool) -> npt.NDArray[np.uint16]:  # noqa: ANN401
    """The codes of a window; `ZERO` for 0 where it counts."""
    try:
        values, mask = dataset.read(1, window=window), dataset.read_masks(1, window=window)
    except RASTER_ERRORS as error:
        raise DamagedSourceError(f"The pixels of {path} cannot be read; the file may be cut short.") from error
    known = (mask > 0) & ~np.isnan(values)
    codes = _as_codes(path, np.where(known, values, 0))
    if zero_counts:
        codes[known & (codes == UNMAPPED)] = ZERO
    return codes


def _as_codes(path: str | Path, values: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """Values that are whole numbers from 0 to 65534, as uint16."""
    wrong = (values < 0) | (values >= ZERO) | (values != np.floor(values))
    if wrong.any():
        raise UsageError(
            f"{path} holds the value {values[wrong][0]:g}, which is no class code: they are whole numbers from 0 to "
            f"{ZERO - 1}. Where it stands for no data, say so in the file with gdal_edit -a_nodata {values[wrong][0]:g}."
        )
    return values.astype(np.uint16)


def _legend(
    dataset: Any,  # noqa: ANN401
    occurring: Sequence[int],
    names: Mapping[int, str],
    palette: Mapping[int, tuple[int, int, int, int]],
) -> Legend | None:
    own = _own_legend(dataset.tags().get(LEGEND_TAG))
    if own is not None and set(occurring) <= set(own.codes):
        return own
    if not names and not palette:
        return None
    chosen = sorted({*names, *occurring} if len({*names, *occurring}) <= MOST_CLASSES else occurring)
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
        _, start, rest = vrt.read_text("utf8").partition("<CategoryNames>")
    if not start:
        return {}
    names, end, _ = rest.partition("</CategoryNames>")  # the rest may be a palette of 65,536 colours
    texts = (_one_line(plain_text(category.text or "")) for category in ElementTree.fromstring(start + names + end))
    return {code: text for code, text in enumerate(texts) if text and code < ZERO}


def _one_line(name: str) -> str:
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
