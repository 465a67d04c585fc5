"""Write a made landscape: orthophotos of two years, labels, truth, an area of interest."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.windows import Window

from landuse.engine.progress import Progress, busy
from landuse.errors import OutputExistsError
from landuse.legend import Legend, load_legend
from landuse.outputs.categories import categories_of, palette_of
from tools.landscape.changes import COARSE, draw_plan
from tools.landscape.frame import Frame
from tools.landscape.paint import paint_tile
from tools.landscape.plan import Plan
from tools.landscape.season import Season, seasons_of
from tools.landscape.spec import CRS_CODE, NORTH, WEST, LandscapeSpec
from tools.landscape.truth import NLCD_PIXEL, Codes, changed_chips, nlcd_bands, nlcd_shape, truth_bands

TILE = 1024
"""Pixels of a painted tile: whole JPEG blocks of 512, so that each block is written once."""
PARTS = 2
"""Orthophotos along a side."""


@dataclass(frozen=True, slots=True)
class Part:
    """One orthophoto of a survey: its number, first pixel (row, column) and size in pixels (height, width)."""

    number: int
    row: int
    col: int
    height: int
    width: int


def make_landscape(out: Path, spec: LandscapeSpec) -> None:
    """Write a made landscape to the folder `out`, which is complete afterwards or absent.

    The files, all in EPSG:26919 but the area: `2014/ortho_1.tif` to `ortho_4.tif` and the same for 2020 (RGB, JPEG, internal
    mask), `nlcd_2014.tif` (NLCD codes, 30 m), `truth/2014.tif` and `truth/2020.tif` (codes of legend landuse7, 8 m),
    `truth/change.csv` (chip_id, from, to), `aoi.geojson`. The same spec gives the same bytes.

    Raises:
        OutputExistsError: `out` holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"{out} is not empty; give --out a new folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.parent / f".{out.name}.partial"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with busy("drawing the plan"):
            plan = draw_plan(spec)
        _write_all(beside, plan)
        if out.exists():
            out.rmdir()
        beside.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_all(folder: Path, plan: Plan) -> None:
    """Write every file of a landscape into a folder."""
    (folder / "truth").mkdir(parents=True)
    legend, seasons = load_legend("landuse7"), seasons_of(plan.spec.difficulty)
    with busy("writing labels and truth"):
        write_labels(folder / "nlcd_2014.tif", plan)
        before, after = (write_truth(folder / "truth" / f"{s.year}.tif", plan, s, legend) for s in seasons)
        write_changes(folder / "truth" / "change.csv", changed_chips(plan, before, after), legend)
        write_area(folder / "aoi.geojson", plan.spec)
    tiles = sum(1 for part in parts(plan.spec) for _ in _windows(part))
    with Progress(len(seasons) * tiles, "tiles", "painting") as progress:
        progress.begin()
        for season in seasons:
            (folder / str(season.year)).mkdir()
            for part in parts(plan.spec):
                write_ortho(folder / str(season.year) / f"ortho_{part.number}.tif", plan, part, season, progress)


def parts(spec: LandscapeSpec) -> Iterator[Part]:
    """The orthophotos that a survey is cut into, from the north-west."""
    edges = [round(k * spec.pixels / PARTS) for k in range(PARTS + 1)]
    for k in range(PARTS * PARTS):
        row, col = divmod(k, PARTS)
        yield Part(k + 1, edges[row], edges[col], edges[row + 1] - edges[row], edges[col + 1] - edges[col])


def write_ortho(path: Path, plan: Plan, part: Part, season: Season, progress: Progress) -> None:
    """Paint and write one orthophoto tile by tile: RGB, JPEG in blocks of 512, an internal mask, overviews left to readers."""
    spec = plan.spec
    profile = _profile(part.height, part.width, _transform(part.col * spec.pixel, part.row * spec.pixel, spec.pixel))
    profile |= {
        "count": 3,
        "compress": "JPEG",
        "photometric": "YCBCR",
        "jpeg_quality": spec.quality,
        "interleave": "pixel",
    }
    profile |= {"tiled": True, "blockxsize": 512, "blockysize": 512, "BIGTIFF": "IF_SAFER"}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_NUM_THREADS=1), rasterio.open(path, "w", **profile) as ortho:
        for window in _windows(part):
            row, col = part.row + int(window.row_off), part.col + int(window.col_off)
            frame = Frame(col * spec.pixel, row * spec.pixel, spec.pixel, int(window.height), int(window.width))
            rgb, mask = paint_tile(plan, frame, season), imaged(frame, spec, season)
            rgb[~mask] = 0
            ortho.write(np.moveaxis(rgb, -1, 0), window=window)
            ortho.write_mask(mask, window=window)
            progress.advance()


def _windows(part: Part) -> Iterator[Any]:
    """Windows of whole tiles over a part, line by line."""
    for row in range(0, part.height, TILE):
        for col in range(0, part.width, TILE):
            yield Window(col, row, min(TILE, part.width - col), min(TILE, part.height - row))


def imaged(frame: Frame, spec: LandscapeSpec, season: Season) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where a survey has imagery, (height, width): all but a slanted collar in the south-east corner of one year."""
    if not season.collar:
        return np.ones(frame.shape, bool)
    x, y = frame.xs[None] / spec.side, frame.ys[:, None] / spec.side
    return np.asarray(x / 0.14 + y / 0.09 < (1 / 0.14 + 1 / 0.09) - 1)


def write_truth(path: Path, plan: Plan, season: Season, legend: Legend) -> Codes:
    """Write the true classes of a year at 8 m, and return them."""
    codes = np.concatenate(list(truth_bands(plan, season.bit, legend)))
    profile = _profile(codes.shape[0], codes.shape[1], _transform(0.0, 0.0, COARSE))
    with rasterio.open(path, "w", **profile, count=1, nodata=0, compress="DEFLATE") as raster:
        raster.write(codes, 1)
        raster.write_colormap(1, palette_of(categories_of(legend)))
        raster.update_tags(1, **{f"class_{c.code}": c.name for c in legend.classes})
    return codes


def write_labels(path: Path, plan: Plan) -> None:
    """Write the NLCD-like label raster of the first year."""
    west, north, size = nlcd_shape(plan)
    transform = rasterio.Affine(NLCD_PIXEL, 0.0, west, 0.0, -NLCD_PIXEL, north)
    with rasterio.open(path, "w", **_profile(size, size, transform), count=1, nodata=0, compress="DEFLATE") as raster:
        line = 0
        for band in nlcd_bands(plan):
            raster.write(band, 1, window=Window(0, line, size, len(band)))
            line += len(band)
        raster.write_colormap(1, palette_of(categories_of(load_legend("nlcd16"))))


def write_changes(path: Path, changes: list[tuple[str, int, int]], legend: Legend) -> None:
    """Write the chips that truly changed: chip_id, and the class names before and after."""
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["chip_id", "from", "to"])
        writer.writerows([(chip, legend.name_of(a), legend.name_of(b)) for chip, a, b in changes])


def write_area(path: Path, spec: LandscapeSpec) -> None:
    """Write an area of interest: a five-cornered polygon over the middle of the survey, longitude and latitude."""
    share = np.array([[0.22, 0.30], [0.30, 0.72], [0.58, 0.80], [0.78, 0.55], [0.62, 0.24], [0.22, 0.30]])
    to_degrees = Transformer.from_crs(CRS_CODE, 4326, always_xy=True)
    lon, lat = to_degrees.transform(WEST + share[:, 0] * spec.side, NORTH - share[:, 1] * spec.side)
    ring = [[round(float(x), 6), round(float(y), 6)] for x, y in zip(lon, lat, strict=True)]
    feature = {
        "type": "Feature",
        "properties": {"name": "Study area"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}, indent=1) + "\n", encoding="utf8")


def _profile(height: int, width: int, transform: Any) -> dict[str, Any]:  # noqa: ANN401
    """What all rasters of a landscape share."""
    return {
        "driver": "GTiff",
        "dtype": "uint8",
        "crs": f"EPSG:{CRS_CODE}",
        "height": height,
        "width": width,
        "transform": transform,
    }


def _transform(x: float, y: float, pixel: float) -> Any:  # noqa: ANN401
    """Transform of a raster whose corner lies at local (x, y)."""
    return rasterio.Affine(pixel, 0.0, WEST + x, 0.0, -pixel, NORTH - y)
