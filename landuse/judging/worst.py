"""What a model got wrong, as files: where those chips lie, and what the surest errors look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landuse.chips import ChipSet
from landuse.evaluation.predictions import Predictions
from landuse.evaluation.sheet import plot_sheet
from landuse.judging.case import Case
from landuse.judging.pictures import worst_pictures
from landuse.outputs.placing import WGS84
from landuse.outputs.vectors import write_geojson
from landuse.words import counted

ERRORS, WORST = "errors.geojson", "worst.png"


def write_worst(folder: Path, case: Case) -> None:
    """Write where the errors lie, and what the surest of them look like."""
    if case.chips is not None and isinstance(case.rows, Predictions):
        _write_errors(folder / ERRORS, case.rows, case.chips)
    pictures = worst_pictures(case)
    if pictures:
        plot_sheet(
            folder / WORST,
            pictures,
            f"The surest errors among {counted(len(case.rows), 'row')}, at most 6 of a kind first",
        )


def _write_errors(path: Path, rows: Predictions, chips: ChipSet) -> None:
    """Write the chips whose class is wrong, with label, prediction and confidence."""
    import geopandas

    wrong = np.flatnonzero(rows.truth != rows.prediction)
    where = chips.take(wrong)
    names = np.array(rows.names, dtype=object)
    columns = {
        "chip_id": where.ids,
        "label": names[rows.truth[wrong]],
        "prediction": names[rows.prediction[wrong]],
        "confidence": None if rows.confidence is None else rows.confidence[wrong],
    }
    polygons = chips.grid.polygons(where.rows, where.cols)
    frame = geopandas.GeoDataFrame(columns, geometry=polygons, crs=chips.grid.crs.to_wkt())
    write_geojson(frame.to_crs(WGS84), path)
