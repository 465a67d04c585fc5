"""What a model got wrong, as files: where those chips lie, and a contact sheet of the surest errors."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError

from landuse.errors import LanduseError
from landuse.evaluation.plots import new_figure, plain, save_figure
from landuse.evaluation.predictions import Judged, Predictions
from landuse.judging.judge import Case
from landuse.outputs.vectors import write_geojson
from landuse.text import counted
from landuse.training.pictures import ChipPictures, Reader

COLUMNS = 6
MOST = 24
MOST_OF_A_KIND = 6
"""Errors of one pair of classes that come before others: one weak pair would fill the sheet."""
Image = npt.NDArray[np.uint8]
ERRORS, WORST = "errors.geojson", "worst.png"
SIDE = 224


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, uint8 (H, W, 3) or None where it cannot be read, with what is said below it."""

    image: Image | None
    truth: str
    said: str
    title: str


def worst_rows(rows: Judged, most: int = MOST) -> npt.NDArray[np.int64]:
    """Positions of the wrong rows, those first that were surest of it; at most `most`.

    With several labels a row is as wrong as the worst of its wrong statements: a probability near 1 of a class that it is not
    of, or near 0 of one that it is of. Without probabilities the order is that of the rows. Where a row has one class, at most
    six errors of a kind (reference and prediction) come before those of other kinds.
    """
    if isinstance(rows, Predictions):
        wrong, sure = rows.truth != rows.prediction, rows.confidence
    else:
        each = rows.truth != rows.prediction
        wrong = each.any(axis=1)
        sure = None if rows.probabilities is None else (each * np.abs(rows.probabilities - rows.truth)).max(axis=1)
    found = np.flatnonzero(wrong)
    if sure is not None:
        found = found[np.argsort(-sure[found], kind="stable")]
    if isinstance(rows, Predictions):
        kinds = (rows.truth * len(rows.names) + rows.prediction)[found]
        later = _times_before(kinds) >= MOST_OF_A_KIND
        found = np.concatenate([found[~later], found[later]])[:most]
        if sure is not None:
            found = found[np.argsort(-sure[found], kind="stable")]
    return found[:most].astype(np.int64)


def _times_before(kinds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How often each value has come before, (n,)."""
    order = np.argsort(kinds, kind="stable")
    ordered = kinds[order]
    found = np.empty(len(kinds), np.int64)
    found[order] = np.arange(len(kinds)) - np.searchsorted(ordered, ordered)
    return found


def words(rows: Judged, row: int) -> tuple[str, str]:
    """The reference and the prediction of a row in words, the latter with its probability where there is one."""
    if isinstance(rows, Predictions):
        sure = "" if rows.confidence is None else f" ({rows.confidence[row]:.0%})"
        return rows.names[rows.truth[row]], rows.names[rows.prediction[row]] + sure
    named = [
        ", ".join(n for n, yes in zip(rows.names, flags[row], strict=True) if yes) or "none"
        for flags in (rows.truth, rows.prediction)
    ]
    return named[0], named[1]


def plot_sheet(path: Path, pictures: Sequence[Picture], title: str) -> None:
    """Draw the pictures in rows of six, each with its reference and its prediction below it."""
    columns = min(COLUMNS, max(len(pictures), 3))
    rows = max(-(-len(pictures) // columns), 1)
    figure = new_figure(2.1 * columns, 0.6 + 2.65 * rows)
    for place, picture in enumerate(pictures, 1):
        axes = figure.add_subplot(rows, columns, place)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(plain(picture.title, 26), fontsize=7, color="#555555")
        if picture.image is None:
            axes.text(0.5, 0.5, "cannot be read", ha="center", va="center", fontsize=7, transform=axes.transAxes)
            axes.set_aspect("equal")
        else:
            axes.imshow(picture.image)
        lines = [textwrap.fill(plain(text, 60), 26) for text in (f"labelled {picture.truth}", f"said {picture.said}")]
        axes.set_xlabel("\n".join(lines), fontsize=8)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


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


def _write_errors(path: Path, rows: Predictions, chips: ChipPictures) -> None:
    """Write the chips whose class is wrong, with label, prediction and confidence."""
    import geopandas

    wrong = np.flatnonzero(rows.truth != rows.prediction)
    where = chips.take(wrong)
    names = np.array(rows.names, dtype=object)
    columns = {
        "chip_id": where.names,
        "label": names[rows.truth[wrong]],
        "prediction": names[rows.prediction[wrong]],
        "confidence": None if rows.confidence is None else rows.confidence[wrong],
    }
    polygons = chips.grid.polygons(where.rows, where.cols)
    frame = geopandas.GeoDataFrame(columns, geometry=polygons, crs=chips.grid.crs.to_wkt())
    write_geojson(frame, path)


def worst_pictures(case: Case) -> list[Picture]:
    """The most confident errors with their pictures; empty where nothing is wrong, or the rows have no pictures."""
    rows = worst_rows(case.rows)
    if case.pictures is None or not len(rows):
        return []
    wrong = case.pictures.take(rows)
    with wrong.reader(SIDE) as read:
        images = [_image(read, position) for position in range(len(rows))]
    named = [words(case.rows, row) for row in rows.tolist()]
    return [Picture(image, *said, title) for image, said, title in zip(images, named, wrong.names, strict=True)]


def _image(read: Reader, position: int) -> Image | None:
    """A picture, uint8 (SIDE, SIDE, 3); None where it cannot be read."""
    try:
        data = read(position)
    except (LanduseError, OSError, RasterioError):
        return None
    return np.ascontiguousarray(data[:, :, :3] if data.shape[2] >= 3 else data[:, :, [0, 0, 0]])
