"""`write_map`: folders in, one HTML page out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path

import folium

from landuse.engine.progress import busy
from landuse.errors import LanduseError, NoOverlapError, OutputExistsError
from landuse.outputs.page.across import side_by_side
from landuse.outputs.page.elements import OfflineFigure, OfflineMap, Panel, StartPage, named
from landuse.outputs.page.folders import Corners, MapChange, MapYear, bounds_of, read_folders
from landuse.outputs.page.imagery import native_zoom, pictures_of
from landuse.outputs.page.panel import default_title, panel_html
from landuse.outputs.page.payload import PageData, occurring_classes, payload
from landuse.outputs.page.site_pictures import SitePicture, site_pictures

MAX_TITLE = 200
MEGABYTE = 1_000_000
IMAGERY_MB = 40
GENERATOR = b'<meta name="generator" content="landuse '


def write_map(folders: Sequence[Path], out: Path, *, title: str | None = None, imagery_mb: int = IMAGERY_MB) -> None:
    """Write one HTML page with the land use of every classify folder and the change of every diff folder.

    The page holds everything it needs, Leaflet included, and fetches nothing. It is written beside `out`, then renamed.

    Args:
        folders: folders that `classify` and `diff` wrote.
        out: the ``.html`` to write; an existing file is replaced.
        title: heading of the page; made of the years where none is given.
        imagery_mb: what the pictures of the page may weigh, in megabytes; change sites come after the surveys.

    Raises:
        LanduseError: in one of its kinds: a folder is no such result or is damaged, nothing is mapped, `out` cannot be written.
    """
    with busy("drawing the page"):
        years, changes = read_folders(folders)
        pictures, classes = pictures_of(years), occurring_classes(years, changes)
        left = imagery_mb * MEGABYTE - sum(len(picture.uri) for picture in pictures)
        bounds = page_bounds(years, changes)
        zoom = native_zoom(years, (bounds[0][0] + bounds[1][0]) / 2)
        sites = pictures_of_sites(years, changes, left)
        data = PageData(tuple(years), tuple(changes), pictures, classes, sites, zoom)
        heading = " ".join((title or default_title(years, changes)).split())[:MAX_TITLE]
        _write(out, page(data, heading))


def pictures_of_sites(
    years: Sequence[MapYear], changes: Sequence[MapChange], budget: int
) -> tuple[Mapping[int, SitePicture], ...]:
    """Pictures of the sites of each change, by position, within `budget` bytes together; whole comparisons before steps."""
    found: list[Mapping[int, SitePicture]] = []
    for change in changes:
        pictures = site_pictures(change, years, budget)
        budget -= sum(picture.size for picture in pictures.values())
        found.append(pictures)
    return tuple(found)


def check_replaceable(out: Path, *, fresh: bool = False) -> None:
    """Raise `OutputExistsError` where `out` is a folder, or (unless `fresh`) a file that is no map page of landuse."""
    if out.is_dir():
        raise OutputExistsError(f"{out} is a folder; give an HTML file with --out.")
    if fresh or not out.exists():
        return
    with out.open("rb") as stream:
        if GENERATOR not in stream.read(4096):
            raise OutputExistsError(
                f"{out} is a file that landuse did not write; give another --out, or --fresh to replace it."
            )


def page_bounds(years: Sequence[MapYear], changes: Sequence[MapChange]) -> Corners:
    """Corners of the land that is mapped, or else of what changed. Raises `NoOverlapError` where there is neither."""
    bounds = bounds_of(place for year in years for place in year.places) or bounds_of(
        site for change in changes for site in change.sites
    )
    if bounds is None:
        raise NoOverlapError("Nothing is mapped in these folders, so there is no map to draw.")
    return bounds


def page(data: PageData, title: str) -> str:
    """The page as HTML text."""
    data = side_by_side(data)
    figure = OfflineFigure(title, payload(data))
    figure.add_child(Panel(panel_html(data, title)))
    leaflet = named(OfflineMap(tiles=None, prefer_canvas=True, zoom_snap=0.25, attribution_control=False), "landuse")
    figure.add_child(leaflet)
    leaflet.fit_bounds(page_bounds(data.years, data.changes), padding=(24, 24))
    _add_layers(leaflet, data)
    text: str = figure.render()
    return text


def _add_layers(leaflet: OfflineMap, data: PageData) -> None:
    """Layer groups in the order of the control: years (one at a time), then change and imagery (any)."""
    last = len(data.years) - 1
    groups = {
        "years": [
            _group(leaflet, f"Land use {y.label}", f"year_{i}", base=True, show=i == last)
            for i, y in enumerate(data.years)
        ],
        "none": [_group(leaflet, "No land use", "none", base=True, show=last < 0)],
        "changes": [
            _group(leaflet, f"Change {c.label}", f"change_{i}", show=not c.step) for i, c in enumerate(data.changes)
        ],
        "imagery": [
            _group(leaflet, f"Imagery {p.label}", f"imagery_{i}", show=p.year == last)
            for i, p in enumerate(data.pictures)
        ],
    }
    control = named(folium.LayerControl(position="bottomright", collapsed=True), "layers")
    leaflet.add_child(control)
    names = {kind: f"[{', '.join(found)}]" for kind, found in groups.items()}
    names |= {"none": groups["none"][0], "control": control.get_name()}
    leaflet.add_child(named(StartPage(names), "start"))


def _group(leaflet: OfflineMap, label: str, name: str, *, base: bool = False, show: bool = True) -> str:
    """Add an empty layer group to the map; return its name in the script.

    Leaflet's layer control takes a label for HTML, so it is escaped here.
    """
    group = named(folium.FeatureGroup(name=escape(label), overlay=not base, show=show), name)
    leaflet.add_child(group)
    script_name: str = group.get_name()
    return script_name


def _write(out: Path, text: str) -> None:
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf8")
        partial.replace(out)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise LanduseError(f"Cannot write {out}: {error.strerror}.") from error
