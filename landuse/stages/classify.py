"""`classify`: a land-use map of a survey, from its chips or straight from its rasters."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from landuse.chips import Chips
from landuse.engine.parts import PartStore, parts_beside
from landuse.engine.progress import Progress, followed
from landuse.models.bundle import Bundle, find_bundle
from landuse.models.runtime import read_cached
from landuse.options.schema import Tables
from landuse.options.survey import ClassifyOptions
from landuse.outputs.districts import check_districts, districts_of
from landuse.outputs.folder import claimed_folder, staged_folder
from landuse.outputs.land_use_map import PROBABILITIES, LandUseMap, MapFrame, MapStrip, write_map
from landuse.outputs.record import THRESHOLDS, RunRecord, identify, with_digest, write_record
from landuse.outputs.stac import write_item
from landuse.outputs.vector_formats import formats_of
from landuse.scoring import Run, ScoreSettings, run_chips
from landuse.scoring.colours import Colours, adapted, colours_for, looked_at
from landuse.scoring.features import FEATURES_FILE, FeatureWriter, feature_writer, run_head
from landuse.scoring.plan import check_bands
from landuse.scoring.run import write_quarantine
from landuse.stages.survey import (
    chips_of,
    kept_features,
    on_earlier,
    score_settings,
    survey_lines,
    survey_options,
    whole_chips,
)
from landuse.vector_file import file_and_layer

QUARANTINE = "quarantine.csv"


def classify(inputs: Sequence[str | Path], out: Path, options: ClassifyOptions) -> tuple[LandUseMap, RunRecord]:
    """Classify a survey and write the map folder.

    Args:
        inputs: one folder of `tile`, the addresses of a survey's rasters, or the folder of a map with features.
        out: folder to write. Blocks already done by an interrupted run of the same command are not done again.

    Returns:
        The map, and the record that was written to `run.json`.
    """
    formats_of(options.formats)
    check_districts(options.districts, options.district_name)
    options = on_earlier(options)
    with claimed_folder(out, fresh=options.fresh) as out:
        started = time.perf_counter()
        model = find_bundle(options.model)
        bundle = read_cached(model)
        parts = parts_beside(out)
        settings = score_settings(model, inputs, out, options)
        if options.fresh:
            remove_parts(parts, settings)
        run, colours = run_of(inputs, options, settings, parts)
        with staged_folder(out, fresh=options.fresh) as staging:
            write_files(staging, bundle, run, options)
            write_quarantine(staging / QUARANTINE, run.quarantined)
            options = options.model_copy(update={"chip_m": run.chips.grid.chip_m * settings.split})  # of the chips, too
            record = record_of(run, bundle, options, time.perf_counter() - started)
            record = record.model_copy(update={"details": {**record.details, "colours": colours.as_dict()}})
            sources = tuple(map(with_digest, run.inputs)) if options.digests else run.inputs
            read = (*sources, *map(identify, (model, *given(options))))
            record = record.model_copy(update={"inputs": read})
            write_item(staging, out.resolve().name, PROBABILITIES, record)
            record = write_record(staging, record)
        remove_parts(parts, settings)
    return LandUseMap(out), record


def given(options: Tables) -> tuple[Path, ...]:
    """The files that options name, without their layers."""
    return () if options.districts is None else (file_and_layer(options.districts)[0],)


def remove_parts(parts: Path, settings: ScoreSettings) -> None:
    """Remove what a run keeps while it lasts."""
    shutil.rmtree(parts, ignore_errors=True)
    if settings.parts is not None:
        PartStore(settings.parts).clear()


def run_of(
    inputs: Sequence[str | Path], options: ClassifyOptions, settings: ScoreSettings, parts: Path
) -> tuple[Run, Colours]:
    """What the model says of the inputs: of imagery, in the colours decided on, or of features that an earlier run kept."""
    bundle = read_cached(settings.model)
    kept = kept_features(inputs, options)
    if kept is not None:
        return run_head(kept, bundle), Colours(None, "Colours are those of the run that kept the features.")
    chips = chips_of(inputs, survey_options(options, bundle, settings.split), parts, settings.split)
    check_bands(chips, bundle)
    colours = colours_for(chips.survey, bundle.palette, options.normalise)
    settings = replace(settings, recolouring=colours.recolouring)
    if options.normalise == "auto":
        whole: Chips | None = chips
        if settings.split > 1 and looked_at(chips, settings, colours):
            whole = whole_chips(inputs, survey_options(options, bundle), parts)
        settings, colours = adapted(whole, settings, colours, parts)
    with Progress(len(chips), "chips", "classifying") as progress:
        return run_chips(chips, settings, parts, progress), colours


def write_files(folder: Path, bundle: Bundle, run: Run, options: Tables) -> None:
    """Write the files of the map."""
    grid, extent = run.chips.grid, run.chips.extent
    districts = districts_of(options.districts, options.district_name, grid.crs, grid.bounds(extent))
    frame = MapFrame(
        grid,
        extent,
        bundle.legend,
        bundle.head.thresholds,
        tags={"LANDUSE_MODEL": bundle.name, "LANDUSE_MODEL_DIGEST": bundle.digest},
        formats=formats_of(options.formats),
        districts=None if districts is None else districts.within(run.chips.area),
        components=run.widths.get("components", 0),
    )
    kept = "features" in run.widths
    with feature_writer(folder / FEATURES_FILE, bundle) if kept else nullcontext() as keeper:
        write_map(folder, frame, map_strips(run, keeper))


def map_strips(run: Run, keeper: FeatureWriter | None) -> Iterator[MapStrip]:
    """What is written of each row of blocks."""
    progress = Progress(len(run.chips), "chips", "writing")
    for strip in followed(run.strips(), progress, lambda strip: len(strip.chips)):
        if keeper is not None:
            keeper.write(strip)
        yield MapStrip(strip.chips, strip.columns["probabilities"], strip.columns.get("components"))


def record_of(run: Run, bundle: Bundle, options: ClassifyOptions, seconds: float) -> RunRecord:
    """What `run.json` says of this run, inputs apart."""
    lost = len({chip.chip_id for chip in run.quarantined})
    return RunRecord(
        command="classify",
        options=options.as_json(),
        grid=run.chips.grid.as_dict(),
        legend=bundle.legend.model_dump(mode="json"),
        counts={
            "chips": len(run.chips),
            "classified": len(run.chips) - lost,
            "quarantined": lost,
            "blocks_computed": run.computed,
            "blocks_reused": run.reused,
        },
        timings={"seconds": seconds, "scoring_seconds": run.seconds},
        details={"model": bundle.name, "model_digest": bundle.digest, "precision": list(run.precisions)}
        | {"survey": survey_lines(run.chips.survey, run.chips.grid, options.like)}
        | thresholds_by_class(bundle),
    )


def thresholds_by_class(bundle: Bundle) -> dict[str, dict[str, float]]:
    """The thresholds of a model of several labels, by class."""
    limits = bundle.head.thresholds
    return {} if limits is None else {THRESHOLDS: dict(zip(bundle.legend.names, map(float, limits), strict=True))}
