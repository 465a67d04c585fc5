"""How the map page bears a large map: `python -m benchmarks.page [--cells 1000000] [--sites 5000] [--work DIR]`.

Makes two years of cells and the sites between them, writes the page, and opens it in a headless Chromium.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import geopandas
import numpy as np
import shapely
from playwright.sync_api import CDPSession, Page, sync_playwright
from pyproj import CRS
from scipy.ndimage import gaussian_filter

from landuse.grid import CellRange, ChipGrid
from landuse.legend import load_legend
from landuse.outputs.areas import cell_areas_ha
from landuse.outputs.categories import CodeTotals, class_areas, write_summary
from landuse.outputs.cog import write_bands_cog, write_class_cog
from landuse.outputs.page import write_map
from landuse.outputs.record import RunRecord, identify, write_record
from landuse.outputs.vectors import write_geojson

GRID = ChipGrid(CRS.from_epsg(26919))
ROW, COL = 20_800, 1_300
LEGEND = load_legend("landuse7")
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
DRAWN = "landuse.years.at(-1).grid.ready.then(() => performance.now())"
ROUNDS = 5
STEPS = {
    "pan": ("landuse.map.panBy([120, 80], { animate: false })", "landuse.map.panBy([-120, -80], { animate: false })"),
    "zoom in": ("landuse.map.zoomIn(1, { animate: false })", "landuse.map.zoomOut(1, { animate: false })"),
    "hide a class": ("document.querySelector('input[data-class]').click()",) * 2,
    "other year": ("landuse.showYear(0)", "landuse.showYear(1)"),
    "areas of the view": (
        "landuse.legend.scope.value = 'view'; landuse.legend.fill()",
        "landuse.legend.scope.value = 'whole'; landuse.legend.fill()",
    ),
    "filter sites": (
        "landuse.lists[0].fields.area.value = 20; landuse.lists[0].show()",
        "landuse.lists[0].fields.area.value = 0; landuse.lists[0].show()",
    ),
    "read a place": ("openAt(landuse, landuse.map.getCenter())", "landuse.map.closePopup()"),
}
"""What a reader does, and what takes it back."""
FRAME = (
    "new Promise((done) => requestAnimationFrame(() => "
    "{ const next = new MessageChannel(); next.port1.onmessage = done; next.port2.postMessage(0); }))"
)
"""Resolved once the frame that is due has been drawn."""
TIMED = f"""async () => {{ await {FRAME}; const start = performance.now();
    STEP; await {FRAME}; return performance.now() - start; }}"""


def made_codes(side: int, draw: np.random.Generator) -> np.ndarray:
    """Class codes (side, side) in blots."""
    fields = [gaussian_filter(draw.normal(size=(side, side)), 4) for _ in LEGEND.codes]
    return (np.argmax(fields, axis=0) + 1).astype(np.uint8)


def write_year(folder: Path, codes: np.ndarray, draw: np.random.Generator) -> None:
    """What the page reads of a folder of `classify`."""
    folder.mkdir()
    cells = CellRange(ROW, ROW + len(codes), COL, COL + len(codes))
    transform, (rows, cols) = GRID.transform(cells, 1), cells.arrays()
    sure = gaussian_filter(draw.uniform(0, 1, codes.shape), 1) * 0.8 + 0.3
    rest = (1 - sure) / (len(LEGEND) - 1)
    bands = np.stack([np.where(codes == code, sure, rest) for code in LEGEND.codes]).astype(np.float32)
    write_class_cog(folder / "landuse.tif", codes, transform, GRID.crs, LEGEND)
    write_bands_cog(folder / "probabilities.tif", bands, transform, GRID.crs, LEGEND.names)
    totals = CodeTotals()
    totals.add(codes.ravel(), cell_areas_ha(GRID, rows, cols))
    write_summary(folder / "summary.csv", class_areas(totals, LEGEND))
    legend = LEGEND.model_dump(mode="json")
    write_record(folder, RunRecord(command="classify", grid=GRID.as_dict(), legend=legend))


def write_change(folder: Path, years: list[Path], side: int, sites: int, draw: np.random.Generator) -> None:
    """Sites of one to four cells at random places."""
    folder.mkdir()
    row, col = (draw.integers(start, start + side - 2, sites) for start in (ROW, COL))
    high, wide = draw.integers(1, 3, (2, sites))
    polygons = shapely.box(*(edge * GRID.side for edge in (col, row, col + wide, row + high)))
    kinds = draw.integers(0, len(LEGEND), (2, sites))
    kinds[1] = np.where(kinds[0] == kinds[1], (kinds[1] + 1) % len(LEGEND), kinds[1])
    names = np.array(LEGEND.names)
    columns = {"from": names[kinds[0]], "to": names[kinds[1]], "area_ha": high * wide * 5.0176}
    columns |= {"probability": draw.uniform(0.5, 1, sites), "tier": draw.choice(["certain", "likely"], sites)}
    frame = geopandas.GeoDataFrame(columns, geometry=polygons, crs=GRID.crs)
    write_geojson(frame, folder / "change.geojson")
    inputs = tuple(identify(year / "landuse.tif") for year in years)
    write_record(folder, RunRecord(command="diff", inputs=inputs, legend=LEGEND.model_dump(mode="json")))


def make(work: Path, cells: int, sites: int) -> list[Path]:
    """The folders of a made map."""
    draw, side = np.random.default_rng(0), round(cells**0.5)
    codes = made_codes(side, draw)
    years = [work / f"landuse_{year}" for year in (2014, 2020)]
    for year in years:
        write_year(year, codes, draw)
    write_change(work / "change", years, side, sites, draw)
    return [*years, work / "change"]


def visited(page_file: Path) -> dict[str, float]:
    """Milliseconds until the first paint and until the cells are there, then of each step: until its frame is drawn, and of
    the processor, both the median of some rounds.
    """
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(page_file.as_uri())
        found = {"land use drawn": page.evaluate(DRAWN), "first paint": page.evaluate(PAINT)}
        metrics = page.context.new_cdp_session(page)
        metrics.send("Performance.enable")
        page.wait_for_timeout(1_000)
        for name, (step, back) in STEPS.items():
            rounds = []
            for _ in range(ROUNDS):
                rounds.append(timed(page, metrics, step))
                timed(page, metrics, back)
            wall, processor = np.median(rounds, axis=0)
            found |= {name: wall, f"{name}, processor": processor}
        browser.close()
    return found


def timed(page: Page, metrics: CDPSession, step: str) -> tuple[float, float]:
    """Milliseconds from a step until its frame is drawn, and those that the page's thread took of a processor."""
    start = thread_ms(metrics)
    wall = page.evaluate(TIMED.replace("STEP", step))
    return wall, thread_ms(metrics) - start


def thread_ms(metrics: CDPSession) -> float:
    """Milliseconds of a processor that the page's thread took so far."""
    said = metrics.send("Performance.getMetrics")["metrics"]
    return next(1_000 * one["value"] for one in said if one["name"] == "ThreadTime")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=1_000_000, help="of each year")
    parser.add_argument("--sites", type=int, default=5_000)
    parser.add_argument("--work", type=Path, help="folder that is kept; it must be empty")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        folders = make(work, given.cells, given.sites)
        start = time.perf_counter()
        write_map(folders, work / "map.html")
        written = time.perf_counter() - start
        print(f"{given.cells:,} cells a year, {given.sites:,} sites: written in {written:.1f} s")
        print(f"page: {(work / 'map.html').stat().st_size / 1e6:.1f} MB")
        print("load average:", *(f"{load:.1f}" for load in os.getloadavg()))
        print(json.dumps({name: round(value) for name, value in visited(work / "map.html").items()}, indent=1))


if __name__ == "__main__":
    main()
