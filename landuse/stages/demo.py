"""`demo`: the whole job on the made landscape, measured against its truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landuse.change.result import ChangeScores, change_scores
from landuse.engine.session import open_runner
from landuse.errors import OutputExistsError, SourceNotFoundError
from landuse.labels import LabelRequest, label_cells
from landuse.legend import load_legend
from landuse.options.results import DemoOptions, DiffOptions, PageOptions
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.options.training import TrainOptions
from landuse.outputs.land_use_map import LandUseMap
from landuse.outputs.page import write_map
from landuse.outputs.tables import read_csv
from landuse.stages.classify import classify
from landuse.stages.diff import diff
from landuse.stages.tile import tile
from landuse.stages.train import train
from landuse.text import counted

YEARS = ("2014", "2020")
LEGEND = "landuse7"
IMAGERY_MB = 3
"""Of the page: sharp where something changed, and made in seconds."""
MAP, MODEL, SAMPLE = "map.html", "model.landuse", "sample_data"
DOUBT_ODDS = 10.0
"""A stale label of the second year is one that heads which have not seen it find ten times less likely than another."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class DemoReport:
    """What came out.

    Attributes:
        accuracy: share of chips whose class is that of the truth, by year.
        label_differences: chips whose two labels differ, which is what comparing labels would have flagged.
    """

    accuracy: dict[str, float]
    change: ChangeScores
    label_differences: int
    page: Path
    seconds: float


def demo(out: Path, options: DemoOptions, say: Say) -> DemoReport:
    """Tile both years, train on them with the first year's labels, classify both, diff, map, and compare with the truth.

    Raises:
        OutputExistsError: `out` holds something and `fresh` is not given.
        SourceNotFoundError: the data is no made landscape.
    """
    if out.exists() and any(out.iterdir()) and not options.fresh:
        raise OutputExistsError(
            f"{out} already holds something; give another --out, or --fresh to replace an earlier demo."
        )
    if options.data is not None and not is_landscape(options.data):
        raise SourceNotFoundError(
            f"{options.data} holds no made landscape; in a checkout `python -m tools.landscape --out {options.data}` makes one."
        )
    out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    data = options.data or sample_folder()
    with open_runner(options.master):  # one Spark for all stages
        maps = make_maps(data, out, options, say)
    result = diff([out / f"landuse_{year}" for year in YEARS], out / "change", DiffOptions(fresh=options.fresh))
    cells = result.summary["cells"]
    say(
        f"diff       {counted(cells['label_differences'], 'chip has', 'chips have')} two labels; "
        f"{counted(cells['confirmed'], 'of them is', 'of them are')} confirmed as change"
    )
    write_map(
        [*(out / f"landuse_{year}" for year in YEARS), out / "change"], out / MAP, PageOptions(imagery_mb=IMAGERY_MB)
    )
    return DemoReport(
        accuracy={year: accuracy(maps[year], data / "truth" / f"{year}.tif") for year in YEARS},
        change=change_scores(result.changes, true_changes(data / "truth" / "change.csv", maps)),
        label_differences=cells["label_differences"],
        page=out / MAP,
        seconds=time.perf_counter() - started,
    )


def make_maps(data: Path, out: Path, options: DemoOptions, say: Say) -> dict[str, LandUseMap]:
    """Chips of both years, a model, and the map of each year."""
    cut_chips(data, out, options, say)
    learn(out, options, say)
    return {year: map_year(year, out, options, say) for year in YEARS}


def cut_chips(data: Path, out: Path, options: DemoOptions, say: Say) -> None:
    """Chips of both years, labelled by the one label raster there is.

    The raster is that of the first year. Few places change, so few of the second year's labels are stale, and a model that
    has seen both seasons is worth far more than those few cost.
    """
    how = TileOptions(labels=data / f"nlcd_{YEARS[0]}.tif", legend=LEGEND, fresh=options.fresh)
    for year in YEARS:
        chips = tile([data / year], out / f"chips_{year}", how)
        say(f"tile       {counted(len(chips), 'chip')} of {year}")


def learn(out: Path, options: DemoOptions, say: Say) -> None:
    """A model of both years' chips."""
    how = TrainOptions(master=options.master, doubt_odds=DOUBT_ODDS, fresh=options.fresh)
    bundle = train([out / f"chips_{year}" for year in YEARS], out / MODEL, how)
    facts: Mapping[str, Any] = bundle.training
    share = bundle.metrics["accuracy"]
    say(
        f"train      {counted(facts['samples'], 'sample')} ({facts['doubtful']} with a doubtful label left out); "
        f"{share:.1%} of those held back are classified as labelled"
    )


def map_year(year: str, out: Path, options: DemoOptions, say: Say) -> LandUseMap:
    """The land-use map of a year."""
    how = ClassifyOptions(model=str(out / MODEL), master=options.master, fresh=options.fresh)
    land, record = classify([out / f"chips_{year}"], out / f"landuse_{year}", how)
    say(
        f"classify   {year}: {counted(record.counts['classified'], 'chip')} in {record.timings['scoring_seconds']:.1f} s"
    )
    return land


def sample_folder() -> Path:
    """The sample data: all of it in a checkout, its south-western quarter in an installed package.

    Raises:
        SourceNotFoundError: neither is there.
    """
    package = Path(__file__).parents[1]
    for folder in (package.parent / SAMPLE, package / SAMPLE):
        if is_landscape(folder):
            return folder
    raise SourceNotFoundError("This installation has lost its sample data: install landuse again, or give --data.")


def is_landscape(folder: Path) -> bool:
    """Whether a folder holds a made landscape with its truth."""
    return (folder / "truth" / "change.csv").is_file()


def accuracy(land: LandUseMap, truth: Path) -> float:
    """Share of the chips with a true class whose class is right."""
    request = LabelRequest(truth, load_legend(LEGEND).as_mapped(), "majority")
    codes = label_cells(land.chips.grid, land.chips.rows, land.chips.cols, request).codes
    return float(np.mean(land.codes[codes > 0] == codes[codes > 0]))


def true_changes(path: Path, maps: Mapping[str, LandUseMap]) -> dict[str, tuple[str, str]]:
    """The chips of all maps that truly changed: chip id -> (from, to)."""
    mapped = set.intersection(*(set(land.chips.ids) for land in maps.values()))
    changes = read_csv(path, ("chip_id", "from", "to"), "table of true changes", dict)
    return {one["chip_id"]: (one["from"], one["to"]) for one in changes if one["chip_id"] in mapped}
