"""What a model got wrong, as files: where those chips lie, and what the surest errors look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rasterio.errors import RasterioError

from landuse.chips import ChipSet
from landuse.errors import LanduseError
from landuse.evaluation.predictions import Predictions
from landuse.evaluation.sheet import Image, Picture, plot_sheet, words, worst_rows
from landuse.grid import Cell
from landuse.judging.case import Case
from landuse.mosaic import MosaicReader
from landuse.mosaic.picture import read_image
from landuse.outputs.placing import WGS84
from landuse.outputs.vectors import write_geojson
from landuse.words import counted

ERRORS, WORST = "errors.geojson", "worst.png"
SIDE = 224


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


def worst_pictures(case: Case) -> list[Picture]:
    """The most confident errors with their pictures; empty where nothing is wrong, or the rows have no pictures."""
    rows = worst_rows(case.rows)
    if case.chips is not None:
        titles, images = case.chips.ids[rows].tolist(), _of_chips(case.chips, rows.tolist())
    elif case.paths:
        titles, images = [case.paths[i].name for i in rows], [_of_file(case, i) for i in rows.tolist()]
    else:
        return []
    named = [words(case.rows, i) for i in rows.tolist()]
    return [Picture(image, *said, title) for image, said, title in zip(images, named, titles, strict=True)]


def _of_chips(chips: ChipSet, rows: Sequence[int]) -> list[Image | None]:
    """Imagery of chips, uint8 (SIDE, SIDE, 3)."""
    with MosaicReader(chips.survey, replace(chips.grid, chip_px=SIDE)) as reader:
        return [_of_cell(reader, Cell(int(chips.rows[i]), int(chips.cols[i]))) for i in rows]


def _of_cell(reader: MosaicReader, cell: Cell) -> Image | None:
    try:
        data = reader.read(cell).data
    except LanduseError:
        return None
    return np.ascontiguousarray(data[:, :, :3] if data.shape[2] >= 3 else data[:, :, [0, 0, 0]])


def _of_file(case: Case, row: int) -> Image | None:
    try:
        return read_image(case.paths[row], SIDE)
    except (OSError, RasterioError):
        return None
