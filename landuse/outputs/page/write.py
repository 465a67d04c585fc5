"""`write_map`: folders in, one HTML page out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from typing import Any

from landuse.engine.progress import busy
from landuse.errors import NoOverlapError, OutputExistsError
from landuse.options.results import PageOptions
from landuse.outputs.folder import written_beside
from landuse.outputs.html import GENERATOR, asset, beginning, policy, script_json
from landuse.outputs.page.assets import (
    PACKAGE,
    basemap_of,
    leaflet_script,
    leaflet_style,
    page_script,
    page_words,
)
from landuse.outputs.page.folders import read_folders
from landuse.outputs.page.imagery import ImageryWish, Pyramid, keyed, native_zoom, pyramids
from landuse.outputs.page.payload import Alike, PageData, meridian, occurring_classes, page_bounds, payload
from landuse.outputs.page.places import read_districts

MAX_TITLE = 200
MEGABYTE = 1_000_000


def write_map(
    folders: Sequence[Path], out: Path, options: PageOptions | None = None, alike: Alike | None = None
) -> None:
    """Write one HTML page with the land use of every classify folder and the change of every diff folder.

    The page holds everything it needs, Leaflet included. It fetches nothing unless its reader turns on the online map.
    It is written beside `out`, then renamed.

    Args:
        alike: by folder of `diff`, numbers of the sites that changed most like a site.
    """
    options = options or PageOptions()
    basemap = basemap_of(options.basemap, options.basemap_credit)
    with busy("drawing the page"):
        years, changes = read_folders(folders)
        middle = meridian(years, changes)
        bounds = page_bounds(years, changes, middle)
        if bounds is None:
            raise NoOverlapError("Nothing is mapped in these folders, so there is no map to draw.")
        data = PageData(
            title=" ".join((options.title or "").split())[:MAX_TITLE] or None,
            language=options.language,
            years=tuple(years),
            changes=tuple(changes),
            classes=occurring_classes(years, changes),
            districts=read_districts(years, changes),
            basemap=basemap,
            most_zoom=native_zoom(years, (bounds[0][0] + bounds[1][0]) / 2, remote=options.remote_imagery),
            bounds=bounds,
            meridian=middle,
            alike=alike or {},
        )
        wish = ImageryWish(options.imagery_mb * MEGABYTE, options.remote_imagery, middle)
        sites = [site for change in changes for site in change.sites if not change.step]
        with written_beside(out) as partial, partial.open("w", encoding="utf8") as stream:
            stream.writelines(page(data, pyramids(years, sites, wish)))


def check_replaceable(out: Path, *, fresh: bool = False) -> None:
    """Raise `OutputExistsError` where `out` is a folder, or (unless `fresh`) a file that is no map page of landuse."""
    if out.is_dir():
        raise OutputExistsError(f"{out} is a folder; give an HTML file with --out.")
    if fresh or not out.exists():
        return
    with out.open("rb") as stream:
        if GENERATOR.encode() not in stream.read(4096):
            raise OutputExistsError(
                f"{out} is a file that landuse did not write; give another --out, or --fresh to replace it."
            )


def page(data: PageData, imagery: Sequence[Pyramid | None]) -> Iterator[str]:
    """The page as HTML text, in pieces: the imagery comes last, so that the map is there while a browser still reads."""
    start = "startPage();\n"
    scripts = leaflet_script(), page_script(), start
    plain = payload(data)
    for year, pyramid in zip(plain["years"], imagery, strict=True):
        year["imagery"] = None if pyramid is None else pyramid.as_json()
    yield Template(asset(PACKAGE, "page/page.html")).substitute(
        beginning=beginning(
            data.title or ", ".join(year.label for year in data.years) or "landuse",
            f"{leaflet_style()}\n{asset(PACKAGE, 'page/page.css')}",
            policy(scripts, data.basemap.origin if data.basemap else ""),
            data.language,
        ),
        words=script_json(_map_words()),
        data=script_json(plain),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )
    for number, pyramid in enumerate(imagery):
        if pyramid is not None:
            text = script_json(keyed(pyramid.tiles.items()))
            yield f'<script type="application/json" id="imagery-{number}">{text}</script>\n'
    yield "</body>\n</html>\n"


def _map_words() -> dict[str, dict[str, Any]]:
    return {
        code: {key: text for key, text in words.items() if not key.startswith("report_")}
        for code, words in page_words().items()
    }
