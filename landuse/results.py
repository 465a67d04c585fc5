"""What the functions of `landuse` give back: folders and files that Python and a notebook can look into."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landuse.errors import LanduseError, OutputExistsError, UsageError

if TYPE_CHECKING:
    import folium
    import geopandas
    import pandas
    import xarray

    from landuse.chips import ChipSet
    from landuse.models.bundle import Bundle
    from landuse.outputs.categories import ClassArea
    from landuse.outputs.land_use_map import LandUseMap

Rows = Sequence[Sequence[object]]
MOST_ROWS = 12
"""Rows of a table that a notebook shows."""
PAGES = ("label.html", "similar.html")


@dataclass(frozen=True, eq=False)
class Result:
    """A folder that a stage wrote."""

    folder: Path

    def __fspath__(self) -> str:
        return str(self.folder)

    def save(self, folder: str | Path) -> Path:
        """Copy the files to a folder of your own, which must not exist; returns it."""
        target = Path(folder)
        if target.exists():
            raise OutputExistsError(f"{target} exists; give a folder that does not.")
        try:
            return Path(shutil.copytree(self.folder, target))
        except OSError as error:
            raise LanduseError(f"Cannot write {target}: {error.strerror}.") from error

    @property
    def _headline(self) -> str:
        return f"{type(self).__name__} in {self.folder}"

    def _rows(self) -> Rows:
        return ()

    def _picture(self) -> str:
        return ""

    def __repr__(self) -> str:
        return f"<landuse {self._headline}>"

    def _repr_html_(self) -> str:
        from landuse.outputs.notebook import table_html

        return f"<p><strong>{escape(self._headline)}</strong></p>{self._picture()}{table_html(self._rows())}"


@dataclass(frozen=True, eq=False, repr=False)
class Chips(Result):
    """The chips of a survey, as `tile` writes them."""

    @cached_property
    def table(self) -> ChipSet:
        """The chips in memory: lattice, cells, coverage, and labels if there are any."""
        from landuse.chips import read_chips

        return read_chips(self.folder)

    def __len__(self) -> int:
        return len(self.table)

    def to_geodataframe(self) -> geopandas.GeoDataFrame:
        """One row a chip, with its square, in the lattice's CRS."""
        import geopandas

        return geopandas.read_parquet(self.folder / "chips.parquet")

    @property
    def _headline(self) -> str:
        grid = self.table.grid
        return f"{len(self):,} chips of {grid.chip_m:g} m in {grid.crs.name}, in {self.folder}"

    def _rows(self) -> Rows:
        from landuse.stages.tile import class_counts

        counts = class_counts(self.table)
        return [("class", "chips"), *counts.items()] if counts else ()


@dataclass(frozen=True, eq=False, repr=False)
class LandUse(Result):
    """A land-use map, as `classify` writes it."""

    @cached_property
    def summary(self) -> tuple[ClassArea, ...]:
        """Chips, hectares and share of each class."""
        from landuse.outputs.categories import read_summary

        return read_summary(self.folder / "summary.csv")

    @cached_property
    def arrays(self) -> LandUseMap:
        """Codes, probabilities and places of the chips as arrays."""
        from landuse.outputs.land_use_map import LandUseMap

        return LandUseMap(self.folder)

    def to_geodataframe(self) -> geopandas.GeoDataFrame:
        """One row an area of one class: class, hectares and confidence, in WGS 84."""
        from landuse.outputs.notebook import read_features

        return read_features(self.folder / "landuse.geojson", ("class", "area_ha", "confidence"))

    def to_xarray(self) -> xarray.Dataset:
        """Codes `landuse` (y, x) and `probabilities` (class, y, x) on their grid; a map of several labels has no codes."""
        from landuse.outputs.notebook import read_grids

        return read_grids(self.folder)

    def explore(self, tiles: str = "OpenStreetMap") -> folium.Map:
        """A folium map over an online base map, for a notebook; a map of several labels has none."""
        from landuse.outputs.notebook import web_map

        return web_map([self.folder], tiles=tiles)

    def map(self, out: str | Path = "map.html", **options: Any) -> Page:  # noqa: ANN401
        """The page of this map; see `landuse.map`."""
        return draw([self.folder], out, options)

    @property
    def _headline(self) -> str:
        return f"land use of {sum(line.area_ha for line in self.summary):,.0f} ha in {self.folder}"

    def _rows(self) -> Rows:
        seen = [(s.name, f"{s.area_ha:,.1f}", f"{s.share:.1%}") for s in self.summary if s.chips]
        return [("class", "ha", "share"), *seen]

    def _picture(self) -> str:
        from landuse.outputs.notebook import preview_html

        return preview_html(self.folder / "landuse.tif", "Land use")


@dataclass(frozen=True, eq=False, repr=False)
class Change(Result):
    """What changed between maps, as `diff` writes it; `summary` is the content of `summary.json`."""

    summary: Mapping[str, Any] = field(default_factory=dict)
    maps: tuple[Path, ...] = ()

    def to_geodataframe(self) -> geopandas.GeoDataFrame:
        """One row a change site, in WGS 84. Raises `UsageError` for maps of several labels, which have no common ones."""
        if not (self.folder / "change.geojson").is_file():
            raise UsageError(f"Maps of several labels change class by class: read the folders in {self.folder}.")
        from landuse.outputs.notebook import read_features

        return read_features(self.folder / "change.geojson", ("from", "to", "area_ha", "probability", "tier"))

    def explore(self, tiles: str = "OpenStreetMap") -> folium.Map:
        """A folium map of the sites and of the maps that were compared, over an online base map, for a notebook."""
        from landuse.outputs.notebook import web_map

        folders = [path for path in self.maps if (path / "landuse.tif").is_file()]
        return web_map(folders, self.to_geodataframe(), tiles)

    def map(self, out: str | Path = "map.html", **options: Any) -> Page:  # noqa: ANN401
        """The page of this change and of the maps that were compared; see `landuse.map`."""
        return draw([*(path for path in self.maps if path.is_dir()), self.folder], out, options)

    @property
    def _headline(self) -> str:
        names = f"{self.summary['before']} to {self.summary['after']}"
        if isinstance(self.summary["classes"], dict):
            return f"change from {names}, class by class, in {self.folder}"
        area = self.summary["area_ha"]["confirmed"]
        return f"change from {names}: {self.summary['sites']:,} sites of {area:,.1f} ha, in {self.folder}"

    def _rows(self) -> Rows:
        if not (self.folder / "change.geojson").is_file():
            return ()
        sites = self.to_geodataframe()
        if sites.empty:
            return ()
        pairs = sites.groupby(["from", "to"])["area_ha"].agg(["size", "sum"]).sort_values("sum", ascending=False)
        lines = [
            (before, after, f"{n:,}", f"{ha:,.1f}") for (before, after), n, ha in pairs.head(MOST_ROWS).itertuples()
        ]
        return [("from", "to", "sites", "ha"), *lines]


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Result):
    """How good a model or a table of predictions is, as `evaluate` writes it."""

    metrics: Mapping[str, Any] = field(default_factory=dict)
    report: str = ""

    @property
    def _headline(self) -> str:
        share = self.metrics["accuracy"]
        said = "undefined" if share is None else f"{share:.1%}"
        return f"evaluation of {self.metrics['n']:,} rows: accuracy {said}, in {self.folder}"

    def _rows(self) -> Rows:
        found = [(name, f"{value:.4f}") for name, value in self.metrics.items() if isinstance(value, float)]
        return [("measure", "value"), *found]


@dataclass(frozen=True, eq=False, repr=False)
class Tables(Result):
    """What `find`, `assess_design`, `assess_estimate`, `audit_sites` and `audit_apply` write."""

    main: str
    said: str

    @cached_property
    def table(self) -> pandas.DataFrame:
        """The first table."""
        import pandas

        return pandas.read_csv(self.folder / self.main)

    @property
    def page(self) -> Page:
        """Its page: pictures of what is alike, or what people label. Raises `UsageError` where there is none."""
        found = next((path for name in PAGES if (path := self.folder / name).is_file()), None)
        if found is None:
            raise UsageError(f"{self.folder} holds no page, only tables.")
        return Page(found)

    @property
    def _headline(self) -> str:
        return f"{self.said}, in {self.folder}"

    def _rows(self) -> Rows:
        shown = self.table.head(MOST_ROWS)
        return [tuple(shown.columns), *shown.itertuples(index=False)]


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A model file, as `train` writes it."""

    path: Path
    bundle: Bundle

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """How good it is on samples held back."""
        return self.bundle.metrics

    def __repr__(self) -> str:
        share = self.metrics.get("accuracy")
        said = "" if share is None else f", accuracy {share:.1%} on samples held back"
        return f"<landuse model of {len(self.bundle.legend)} classes{said}, in {self.path}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.bundle.card)}</pre>"


@dataclass(frozen=True, eq=False, repr=False)
class Page:
    """A page that `map` or `report` writes; a notebook shows it."""

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<landuse page {self.path}>"

    def _repr_html_(self) -> str:
        text = escape(self.path.read_text("utf8"))
        return f'<iframe srcdoc="{text}" width="100%" height="600" style="border: 0" title="Land use"></iframe>'


def draw(folders: Sequence[Path], out: str | PathLike[str], options: Mapping[str, Any]) -> Page:
    """The page of some folders; see `landuse.map`."""
    from landuse.options.results import PageOptions
    from landuse.stages.pages import map as stage

    stage(folders, Path(out), PageOptions(**options))
    return Page(Path(out))
