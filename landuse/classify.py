"""`classify`: a land-use map of a survey, from its chips or straight from its rasters."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from landuse.bundle import Bundle, find_bundle
from landuse.chips import CHIPS_FILE, ChipSet, read_chips, write_chips
from landuse.engine.lock import folder_lock
from landuse.engine.progress import Progress
from landuse.engine.quarantine import write_quarantine
from landuse.errors import UsageError
from landuse.grid import CHIP_PX, CellRange
from landuse.legend import Legend
from landuse.models.runtime import Kind, Precision, read_cached
from landuse.outputs.areas import cell_areas_ha
from landuse.outputs.cog import write_bands_cog, write_class_cog
from landuse.outputs.folder import check_free, staged_folder
from landuse.outputs.record import RunRecord, identify, write_record
from landuse.outputs.summary import summarise, write_summary
from landuse.outputs.vectors import dissolve, write_geojson
from landuse.scoring import Scores, ScoreSettings, score_chips
from landuse.tile import TileOptions, survey_chips

Scalar = TypeVar("Scalar", bound=np.generic)
MAP, PROBABILITIES, POLYGONS = "landuse.tif", "probabilities.tif", "landuse.geojson"
SUMMARY, QUARANTINE = "summary.csv", "quarantine.csv"


@dataclass(frozen=True)
class ClassifyOptions:
    """What a user may choose.

    Attributes:
        model: a bundle file, or the name of one that ships.
        tile: how chips are cut where rasters are given.
        master: Spark master, or ``inline``.
        runtime: ``openvino`` or ``tensorflow``.
        precision: ``auto``, ``f32`` or ``bf16``.
        fresh: ignore and replace an earlier result.
        max_quarantined: largest share of chips that may fail before the run does.
    """

    model: str = "builtin"
    tile: TileOptions = field(default_factory=TileOptions)
    master: str = "inline"
    runtime: Kind = "openvino"
    precision: Precision = "auto"
    fresh: bool = False
    max_quarantined: float = 0.01


@dataclass(frozen=True, eq=False)
class LandUseMap:
    """A classified survey.

    Attributes:
        chips: where.
        legend: the model's classes.
        probabilities: float32 (n, classes), calibrated; NaN where a chip was quarantined.
        codes: uint8 (n,), the most probable class; 0 where quarantined.
        confidence: float32 (n,), its probability; NaN where quarantined.
    """

    chips: ChipSet
    legend: Legend
    probabilities: npt.NDArray[np.float32]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which chips have an answer; bool (n,)."""
        return np.isfinite(self.probabilities[:, 0])

    @property
    def codes(self) -> npt.NDArray[np.uint8]:
        """Class code of every chip."""
        best = np.asarray(self.legend.codes, np.uint8)[np.nan_to_num(self.probabilities, nan=-1).argmax(axis=1)]
        return np.where(self.known, best, 0).astype(np.uint8)

    @property
    def confidence(self) -> npt.NDArray[np.float32]:
        """Probability of the class of every chip."""
        best = np.nan_to_num(self.probabilities, nan=-1).max(axis=1)
        return np.where(self.known, best, np.nan).astype(np.float32)

    @property
    def extent(self) -> CellRange:
        """The smallest range of cells that holds every chip."""
        return CellRange.around(self.chips.rows, self.chips.cols)

    def image(self, values: npt.NDArray[Scalar], fill: float) -> npt.NDArray[Scalar]:
        """An image of the extent, north up, from one value a chip (n,) or one vector a chip (n, k) -> (k, H, W)."""
        lines, columns = self.extent.image_index(self.chips.rows, self.chips.cols)
        out = np.full((*values.shape[1:], *self.extent.shape), fill, values.dtype)
        out[..., lines, columns] = values.T
        return out


def classify(inputs: Sequence[str | Path], out: Path, options: ClassifyOptions) -> tuple[LandUseMap, RunRecord]:
    """Classify a survey and write the map folder.

    Args:
        inputs: one folder of `tile`, or the addresses of a survey's rasters.
        out: folder to write. Blocks already done by an interrupted run of the same command are not done again.
        options: model, lattice, place and precision.

    Returns:
        The map, and the record that was written to `run.json`.

    Raises:
        LanduseError: in one of its kinds, with one sentence that says what is wrong.
    """
    check_free(out, fresh=options.fresh)
    model = find_bundle(options.model)
    bundle = read_cached(model)
    with folder_lock(out):
        started = time.perf_counter()
        chips = chips_of(inputs, tile_options(options.tile, bundle))
        parts = out.parent / f".{out.name}.parts"
        if options.fresh:
            shutil.rmtree(parts, ignore_errors=True)
        settings = ScoreSettings(
            model, options.master, options.runtime, options.precision, False, options.max_quarantined
        )
        with Progress(len(chips), "chips") as progress:
            scores = score_chips(chips, settings, parts, progress)
        land = LandUseMap(chips, bundle.legend, scores.probabilities)
        with staged_folder(out, fresh=options.fresh) as staging:
            write_map_files(staging, land, scores)
            record = record_of(land, scores, bundle, options, time.perf_counter() - started)
            record = write_record(staging, record.model_copy(update={"inputs": (*scores.inputs, identify(model))}))
        shutil.rmtree(parts, ignore_errors=True)
    return land, record


def tile_options(options: TileOptions, bundle: Bundle) -> TileOptions:
    """The options with the model's own pixels a chip. Raises `UsageError` where others were asked for."""
    if options.chip_px not in (CHIP_PX, bundle.chip_px):
        raise UsageError(
            f"Model {bundle.name} takes chips of {bundle.chip_px} pixels, not {options.chip_px}; leave --chip-pixels out."
        )
    return replace(options, chip_px=bundle.chip_px)


def chips_of(inputs: Sequence[str | Path], options: TileOptions) -> ChipSet:
    """The chips of a `tile` folder (or of its chips.parquet), or those of a survey's rasters."""
    tables = [p for p in map(Path, inputs) if p.name == CHIPS_FILE or (p / CHIPS_FILE).is_file()]
    if not tables:
        return survey_chips(inputs, options)
    if len(inputs) > 1:
        raise UsageError("Give one folder of chips at a time, or rasters only: a survey year is one map.")
    return read_chips(tables[0])


def write_map_files(folder: Path, land: LandUseMap, scores: Scores) -> None:
    """Write every file of a map but its record."""
    grid, legend = land.chips.grid, land.legend
    transform, codes = grid.transform(land.extent, 1), land.image(land.codes, 0)
    write_class_cog(folder / MAP, codes, transform, grid.crs, legend)
    bands = land.image(land.probabilities, np.nan)
    write_bands_cog(folder / PROBABILITIES, bands, transform, grid.crs, legend.names)
    confidence = land.image(land.confidence, np.nan)
    write_geojson(dissolve(codes, transform, grid.crs, legend, confidence), folder / POLYGONS)
    write_chips(folder / CHIPS_FILE, land.chips, class_columns(land))
    areas = cell_areas_ha(grid, land.chips.rows, land.chips.cols)
    write_summary(folder / SUMMARY, summarise(land.codes, areas, legend))
    write_quarantine(folder / QUARANTINE, scores.quarantined)


def class_columns(land: LandUseMap) -> dict[str, npt.NDArray[np.generic]]:
    """What classify adds to the chip table: class name (None where quarantined), confidence, a probability a class."""
    names = np.array([None, *land.legend.names], dtype=object)
    position = np.zeros(256, int)
    position[list(land.legend.codes)] = np.arange(1, len(land.legend) + 1)
    columns = {"class": names[position[land.codes]], "confidence": land.confidence}
    return columns | {f"p_{name}": land.probabilities[:, i] for i, name in enumerate(land.legend.names)}


def record_of(land: LandUseMap, scores: Scores, bundle: Bundle, options: ClassifyOptions, seconds: float) -> RunRecord:
    """What `run.json` says of this run, inputs apart."""
    done = int(land.known.sum())
    return RunRecord(
        command="classify",
        options=asdict(options),
        grid=land.chips.grid.as_dict(),
        legend=land.legend.model_dump(mode="json"),
        counts={
            "chips": len(land.chips),
            "classified": done,
            "quarantined": len(scores.quarantined),
            "blocks_computed": scores.run.computed,
            "blocks_reused": scores.run.reused,
        },
        timings={"seconds": seconds, "scoring_seconds": scores.run.seconds},
        details={"model": bundle.name, "model_digest": bundle.digest, "precision": list(scores.run.precisions)},
    )
