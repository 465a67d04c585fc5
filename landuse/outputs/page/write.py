"""`write_map`: folders in, one HTML page out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from pathlib import Path

import folium

from landuse.engine.progress import busy
from landuse.errors import LanduseError, NoOverlapError, OutputExistsError
from landuse.outputs.page.across import side_by_side
from landuse.outputs.page.elements import OfflineFigure, OfflineMap, Panel, StartPage, named
from landuse.outputs.page.folders import bounds_of, read_folders
from landuse.outputs.page.imagery import pictures_of
from landuse.outputs.page.panel import default_title, panel_html
from landuse.outputs.page.payload import PageData, occurring_classes, payload

MAX_TITLE = 200
GENERATOR = b'<meta name="generator" content="landuse '


def write_map(folders: Sequence[Path], out: Path, *, title: str | None = None) -> None:
    """Write one HTML page with the land use of every classify folder and the change of every diff folder.

    The page holds everything it needs, Leaflet included, and fetches nothing. It is written beside `out`, then renamed.

    Args:
        folders: folders that `classify` and `diff` wrote.
        out: the ``.html`` to write; an existing file is replaced.
        title: heading of the page; made of the years where none is given.

    Raises:
        LanduseError: in one of its kinds: a folder is no such result or is damaged, nothing is mapped, `out` cannot be written.
    """
    with busy("drawing the page"):
        years, changes = read_folders(folders)
        data = PageData(tuple(years), tuple(changes), pictures_of(years), occurring_classes(years, changes))
        heading = " ".join((title or default_title(years, changes)).split())[:MAX_TITLE]
        _write(out, page(data, heading))


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


def page(data: PageData, title: str) -> str:
    """The page as HTML text."""
    data = side_by_side(data)
    bounds = bounds_of(place for year in data.years for place in year.places) or bounds_of(
        site for change in data.changes for site in change.sites
    )
    if bounds is None:
        raise NoOverlapError("Nothing is mapped in these folders, so there is no map to draw.")
    figure = OfflineFigure(title, payload(data))
    figure.add_child(Panel(panel_html(data, title)))
    leaflet = named(OfflineMap(tiles=None, prefer_canvas=True, zoom_snap=0.25, attribution_control=False), "landuse")
    figure.add_child(leaflet)
    _add_layers(leaflet, data)
    leaflet.fit_bounds(bounds, padding=(24, 24))
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
    control = named(folium.LayerControl(position="bottomright", collapsed=False), "layers")
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
