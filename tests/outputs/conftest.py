"""Result folders as the contract of files has them, small and made here."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from shapely.geometry import box

from landuse.chips import write_chips
from landuse.chips.chipset import ChipSet, SourceLists, image_order
from landuse.grid import CellRange, ChipGrid
from landuse.legend import load_legend
from landuse.mosaic import open_survey
from landuse.outputs.areas import boxes_of_raster, cell_areas_ha, polygon_areas_ha
from landuse.outputs.categories import CodeTotals, class_areas, write_summary
from landuse.outputs.cog import Place, write_bands_cog, write_class_cog
from landuse.outputs.districts import Districts, DistrictTotals, write_class_districts
from landuse.outputs.record import RunRecord, identify, write_record
from landuse.outputs.vectors import placed, spacing_of, write_geojson
from tests.outputs.in_memory import dissolve, write_change_cog
from tests.outputs.regions import regions_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
HOSTILE = "</script><img src=x onerror=alert(1)>"
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome is installed to open the page with"),
]

GRID = ChipGrid(CRS.from_epsg(26919))
ROW, COL = 20_800, 1_300


@dataclass(frozen=True)
class Maker:
    """Writes classify and diff folders of made maps."""

    root: Path

    def classify(self, name, codes, legend=None, confidence=None, survey=None, districts=None):
        legend = legend or load_legend("nlcd8")
        folder = self.root / name
        folder.mkdir(parents=True)
        cells = CellRange(ROW, ROW + codes.shape[0], COL, COL + codes.shape[1])
        transform = GRID.transform(cells, 1)
        draw = np.random.default_rng(len(name))
        confidence = draw.uniform(0.45, 1, codes.shape).astype(np.float32) if confidence is None else confidence
        rows, cols = cells.arrays()
        write_class_cog(folder / "landuse.tif", codes, transform, GRID.crs, legend)
        write_geojson(dissolve(codes, transform, GRID.crs, legend, confidence), folder / "landuse.geojson")
        bands = np.stack([np.where(codes == code, confidence, (1 - confidence) / 7) for code in legend.codes])
        bands[:, codes == 0] = np.nan
        write_bands_cog(folder / "probabilities.tif", bands.astype(np.float32), transform, GRID.crs, legend.names)
        if districts is not None:
            self._districts(folder, codes, cells, districts, legend)
        totals = CodeTotals()
        totals.add(codes.ravel(), cell_areas_ha(GRID, rows, cols))
        write_summary(folder / "summary.csv", class_areas(totals, legend))
        if survey is not None:
            order = image_order(rows, cols)
            chips = ChipSet(
                GRID, survey, rows[order], cols[order], np.ones(codes.size, np.float32), SourceLists.empty(codes.size)
            )
            write_chips(folder / "chips.parquet", chips)
        record = RunRecord(
            command="classify",
            grid=GRID.as_dict(),
            legend=legend.model_dump(mode="json"),
            counts={"chips": codes.size, "classified": int((codes > 0).sum())},
            details={"model": "builtin"},
        )
        write_record(folder, record)
        return folder

    def _districts(self, folder, codes, cells, names, legend):
        """The western and the eastern half of the map, as two districts of given names."""
        west, south, east, north = GRID.bounds(cells)
        middle = (west + east) / 2
        halves = np.array([box(west, south, middle, north), box(middle, south, east, north)], object)
        districts = Districts(tuple(names), halves, GRID.crs, polygon_areas_ha(halves, GRID.crs))
        totals, (rows, cols) = DistrictTotals(districts), cells.arrays()
        lines, columns = cells.image_index(rows, cols)
        boxes = boxes_of_raster(GRID.transform(cells, 1), lines, columns)
        totals.add(boxes, codes.ravel(), cell_areas_ha(GRID, rows, cols))
        write_class_districts(folder, totals, legend, overlapping=False)

    def survey(self, name, codes, legend=None, px=16):
        """A photograph of the land, one file, some pixels a cell: each class in its own colour, with grain."""
        legend = legend or load_legend("nlcd8")
        colors = np.zeros((256, 3))
        colors[list(legend.codes)] = [c.rgb for c in legend.classes]
        land = colors[codes].repeat(px, 0).repeat(px, 1) * 0.6 + 40
        grain = np.random.default_rng(3).normal(0, 14, land.shape[:2])[..., np.newaxis]
        image = np.clip(land + grain, 1, 255).astype(np.uint8).transpose(2, 0, 1)
        image[:, : image.shape[1] // 8, : image.shape[2] // 8] = 0
        transform = GRID.transform(CellRange(ROW, ROW + codes.shape[0], COL, COL + codes.shape[1]), px)
        profile = {"height": image.shape[1], "width": image.shape[2], "count": 3, "dtype": "uint8", "nodata": 0}
        with rasterio.open(
            self.root / name, "w", driver="GTiff", crs="EPSG:26919", transform=transform, tiled=True, **profile
        ) as dataset:
            dataset.write(image)
        return open_survey([self.root / name])

    def diff(self, name, before, after, legend=None):
        """A diff folder of two classify folders whose codes are read back: every cell that differs is changed."""
        from landuse.outputs.class_raster import read_class_raster

        first, second = read_class_raster(before / "landuse.tif"), read_class_raster(after / "landuse.tif")
        legend = legend or first.legend
        folder = self.root / name
        folder.mkdir()
        changed = (first.codes != second.codes) & (first.codes > 0) & (second.codes > 0)
        pairs = np.where(changed, 100 * first.codes.astype(np.uint16) + second.codes, 0).astype(np.uint16)
        numbers = dict(zip(legend.names, legend.codes, strict=True))
        write_change_cog(folder / "change.tif", pairs, Place(first.crs, first.transform, pairs.shape), legend, numbers)
        self._sites(folder / "change.geojson", pairs, first.transform, legend)
        (folder / "summary.json").write_text(json.dumps(self._summary(changed)))
        (folder / "transitions.csv").write_text("from,to,cells,area_ha\n")
        inputs = tuple(identify(side / "landuse.tif") for side in (before, after))
        write_record(folder, RunRecord(command="diff", inputs=inputs, legend=legend.model_dump(mode="json")))
        return folder

    def _summary(self, changed):
        count = int(changed.sum())
        return {
            "cells": {
                "compared": changed.size,
                "label_differences": 4 * count,
                "confirmed": count,
                "expected_false_alarms": 0.2 * count,
            },
            "area_ha": {"label_differences": 4 * count * 5.0176, "confirmed": count * 5.0176},
            "tiers": {
                "likely": "Worth acting on.",
                "possible": "Look first.",
                "doubtful": "Rather not.",
                "unrated": "Who knows.",
            },
            "model": {"expected_change_share": count / changed.size},
            "limits": ["Too little ground."],
        }

    def _sites(self, path, pairs, transform: Affine, legend):
        sites = regions_of(pairs.astype(np.int64), np.ones((1, *pairs.shape)), spacing_of(transform, GRID.crs))
        pair_of = sites.values.tolist()
        probability = np.linspace(0.99, 0.55, len(pair_of))
        columns = {
            "from": [legend.name_of(p // 100) for p in pair_of],
            "to": [legend.name_of(p % 100) for p in pair_of],
            "area_ha": sites.sums[:, 0] * 5.0176,
            "probability": probability,
            "tier": ["likely" if p > 0.85 else "possible" if p > 0.7 else "doubtful" for p in probability],
        }
        frame = geopandas.GeoDataFrame(columns, geometry=placed(sites.polygons, transform), crs=GRID.crs)
        write_geojson(frame, path)


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path)


class Visit:
    """What a page does in a tab, and should not have done."""

    def __init__(self, page):
        self.page, self.wrong = page, []
        self._heard = {
            "console": lambda message: self.wrong.append(f"console {message.type}: {message.text}"),
            "pageerror": lambda error: self.wrong.append(f"error: {error}"),
            "dialog": lambda dialog: (self.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()),
            "request": self._request,
        }
        for event, hears in self._heard.items():
            page.on(event, hears)

    def end(self):
        """Hear no more, and forget what the page kept."""
        for event, hears in self._heard.items():
            self.page.remove_listener(event, hears)
        if self.page.url.startswith("file:"):
            self.page.evaluate("localStorage.clear()")
        self.page.goto("about:blank")

    def _request(self, request):
        if not request.url.startswith(("file:", "data:", "about:")):
            self.wrong.append(f"request: {request.url}")

    def open(self, path):
        self.page.goto(path.as_uri())
        return self.page


@pytest.fixture(scope="package")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


WINDOW = {"width": 1200, "height": 800}


@pytest.fixture(scope="package")
def tab(browser):
    """A tab without a network."""
    context = browser.new_context(viewport=WINDOW, offline=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(tab):
    """A visit in the tab that all tests use one after the other: a new one would be a new process."""
    tab.set_viewport_size(WINDOW)
    tab.emulate_media(media="screen")
    one = Visit(tab)
    yield one
    one.end()


def made_land(shape, seed=0, blot=6):
    """Class codes 1 to 8 in blots, like a landscape of fields, woods, water and a town."""
    from scipy.ndimage import gaussian_filter

    draw = np.random.default_rng(seed)
    fields = [gaussian_filter(draw.normal(size=shape), blot) for _ in range(8)]
    weights = np.array([1.0, 0.75, 1.25, 0.7, 0.85, 1.15, 0.9, 0.75]).reshape(8, 1, 1)
    return (np.argmax(np.stack(fields) * weights, axis=0) + 1).astype(np.uint8)


def built_up(codes, seed=1, sites=14):
    """The same land some years later: houses on fields and woods, a cleared wood, a pond."""
    draw = np.random.default_rng(seed)
    later = codes.copy()
    for site in range(sites):
        row, col = (int(draw.integers(2, size - 5)) for size in codes.shape)
        height, width = draw.integers(1, 4, 2)
        window = later[row : row + height, col : col + width]
        window[window > 1] = 1 if site % 4 else 7 if site % 8 else 5
    return later
