"""One raster (or one scene of single-band files) of a survey: where it lies and what it declares, without its pixels."""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS

from landuse.crs import transformer

Order = Literal["asked", "colours", "names", "place"]
EDGE_POINTS = 21
"""Points on each side of a footprint when it is carried into another CRS."""

FloatArray = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BandAddress:
    """One band of one file, or one part of the colours that its numbers stand for.

    Attributes:
        part: 0, 1 or 2 for the red, green or blue of a palette's colours; None for the band's own values.
    """

    path: str
    band: int
    part: int | None = None


@dataclass(frozen=True)
class Collar:
    """The collar of a raster.

    Attributes:
        tolerance: by how much an empty pixel may differ from it, in every band.
        shape: rows and columns of the coarse picture that says where it is.
        region: that picture, a bit a pixel, packed; a pixel more than the collar on every side.
    """

    value: float
    tolerance: float
    share: float
    shape: tuple[int, int]
    region: str

    @classmethod
    def of(cls, value: float, tolerance: float, found: Mask) -> Collar:
        """The collar where `found` (rows, columns) on a picture of the raster says."""
        packed = zlib.compress(np.packbits(_grown(found)).tobytes(), 9)
        text = base64.b85encode(packed).decode()
        return cls(value, tolerance, round(float(found.mean()), 4), found.shape, text)

    @cached_property
    def _near(self) -> Mask:
        bits = np.frombuffer(zlib.decompress(base64.b85decode(self.region)), np.uint8)
        return np.unpackbits(bits, count=self.shape[0] * self.shape[1]).astype(bool).reshape(self.shape)

    def hidden(self, data: Values, rows: Shares, cols: Shares) -> Mask | None:
        """Which pixels (h, w) of `data` (h, w, B), as stored, lie in the collar; None where none can.

        Args:
            rows: middles of the pixels' rows (h,) as shares of the raster's height, 0 to 1.
            cols: the same of columns (w,) and width.
        """
        lines, columns = ((at * size).astype(np.intp) for at, size in zip((rows, cols), self.shape, strict=True))
        region = self._near[lines.clip(0, self.shape[0] - 1)[:, None], columns.clip(0, self.shape[1] - 1)]
        return region & near(data, self.value, self.tolerance) if region.any() else None


def near(data: Values, value: float, tolerance: float) -> Mask:
    """Which pixels (h, w) of `data` (h, w, B) are within `tolerance` of a value in every band."""
    if tolerance == 0:
        return np.asarray((data == data.dtype.type(value)).all(axis=-1))
    return np.asarray((np.abs(data.astype(np.float32) - np.float32(value)) <= tolerance).all(axis=-1))


def _grown(mask: Mask) -> Mask:
    padded = np.pad(mask, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])


@dataclass(frozen=True)
class Source:
    """What reading needs to know of a source.

    Attributes:
        bands: the asked bands in order. More than one path where every band is a file of its own.
        geotransform: Affine's six numbers (a, b, c, d, e, f), pixel (col, row) to CRS.
        width, height: in pixels.
        nodata: declared value of each asked band, None where there is none. NaN and infinity need no declaration. Of a palette
            it is a number of a colour.
        alpha: the band that says where there is imagery (where above 0); None where there is none or it is itself asked for.
        masked: whether the files carry an internal or external mask band (.msk).
        order: how the bands were chosen: ``asked``, by ``colours`` or ``names`` that the files declare, or by their ``place``.
        odd_alpha: whether a band that is tagged alpha turned out to be imagery.
        lossy: whether the pixels were compressed with a loss, so that a fill value may be blurred.
        date: when the imagery was taken, as far as its tags say; empty where they do not.
    """

    name: str
    bands: tuple[BandAddress, ...]
    wkt: str
    geotransform: tuple[float, float, float, float, float, float]
    width: int
    height: int
    dtype: str = "uint8"
    nodata: tuple[float | None, ...] = ()
    alpha: BandAddress | None = None
    masked: bool = False
    overviews: tuple[int, ...] = ()
    order: Order = "asked"
    collar: Collar | None = None
    odd_alpha: bool = False
    lossy: bool = False
    date: str = ""

    @property
    def palette(self) -> bool:
        """Whether the values are numbers of a palette's colours."""
        return self.bands[0].part is not None

    @property
    def crs(self) -> CRS:
        """CRS of the raster."""
        return crs_of(self.wkt)

    @property
    def transform(self) -> Affine:
        """Pixel (col, row) to CRS."""
        return Affine(*self.geotransform)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, each once, in band order."""
        return tuple(dict.fromkeys(band.path for band in self.bands))

    @property
    def has_mask(self) -> bool:
        """Whether some of its pixels may be empty: by nodata, alpha, a mask band, a clear colour, a collar, or as NaN."""
        declared = any(value is not None for value in self.nodata) or self.alpha is not None or self.masked
        return declared or self.palette or self.collar is not None or np.dtype(self.dtype).kind == "f"

    @property
    def north_up(self) -> bool:
        """Whether pixel rows run exactly west to east and columns north to south."""
        transform = self.transform
        turn = max(abs(transform.b) * self.height, abs(transform.d) * self.width)
        upright = turn < 1e-3 * min(abs(transform.a), abs(transform.e))
        return bool(upright and transform.a > 0 > transform.e)

    def outline(self, points: int) -> FloatArray:
        """Points along the edge in the raster's CRS, `points` on each side from corner on; shape (4 * points, 2), x then y."""
        steps = np.linspace(0.0, 1.0, points, endpoint=False)
        zero, one = np.zeros_like(steps), np.ones_like(steps)
        cols = np.concatenate([steps, one, 1 - steps, zero]) * self.width
        rows = np.concatenate([zero, steps, one, 1 - steps]) * self.height
        return np.stack(forward(self.transform, cols, rows), axis=1)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Source:
        """The source that `as_dict` described."""
        alpha, collar = values["alpha"], values.get("collar")
        return cls(
            **values
            | {
                "bands": tuple(BandAddress(**band) for band in values["bands"]),
                "geotransform": tuple(values["geotransform"]),
                "nodata": tuple(values["nodata"]),
                "alpha": None if alpha is None else BandAddress(**alpha),
                "overviews": tuple(values["overviews"]),
                "collar": None if collar is None else Collar(**collar | {"shape": tuple(collar["shape"])}),
            }
        )


@lru_cache(maxsize=64)
def crs_of(wkt: str) -> CRS:
    """CRS of a WKT text, parsed once."""
    return CRS.from_wkt(wkt)


@lru_cache(maxsize=256)
def same_crs(one: CRS, other: CRS) -> bool:
    """Whether two CRSs give a place the same x and y (whatever axis order they declare)."""
    return bool(one.equals(other, ignore_axis_order=True))


Number = TypeVar("Number", float, FloatArray)


def forward(transform: Affine, col: Number, row: Number) -> tuple[Number, Number]:
    """Where `transform` carries a point or an array of points."""
    a, b, c, d, e, f = tuple(transform)[:6]
    return a * col + b * row + c, d * col + e * row + f


def metric_scale(source: Source, target: CRS, pixel: float) -> float:
    """Source pixels along the side of a target pixel of side `pixel` (CRS units), at the middle of the source.

    The square root of the area ratio, so that it holds for any rotation. Above 1 the source is the finer of the two.
    """
    to_source = ~source.transform
    x, y = forward(source.transform, source.width / 2, source.height / 2)
    if same_crs(source.crs, target):
        return pixel * math.sqrt(abs(to_source.determinant))
    u, v = transformer(source.crs, target).transform(x, y)
    xs, ys = transformer(target, source.crs).transform([u, u + pixel, u], [v, v, v + pixel])
    cols, rows = forward(to_source, np.asarray(xs), np.asarray(ys))
    jacobian = (cols[1] - cols[0]) * (rows[2] - rows[0]) - (cols[2] - cols[0]) * (rows[1] - rows[0])
    return math.sqrt(abs(float(jacobian)))
