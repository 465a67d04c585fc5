"""Where a model has never been: the chips of a map that are farther from its training ground than almost all of that ground.

`novelty.geojson` holds their outlines, of neighbours together, as `landuse.geojson` holds those of the classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from landuse.grid import CellRange
from landuse.legend import LandClass, Legend
from landuse.models.novelty import FLAG
from landuse.outputs.areas import cell_areas_ha
from landuse.outputs.land_use_map import image_of
from landuse.outputs.map_writer import MapFrame, MapStrip
from landuse.outputs.vectors import Dissolver, FeatureWriter, MapLines, geojson_writer

NOVELTY = "novelty"
NOVELTY_FILE = "novelty.geojson"
UNFAMILIAR = Legend(
    name="unfamiliar", classes=(LandClass(code=1, name="the model has hardly seen such ground", color="#b3006b"),)
)


class UnfamiliarGround:
    """Looks at the strips of a map as they pass.

    Attributes:
        chips: how many chips were beyond the flag so far.
    """

    def __init__(self, frame: MapFrame, writer: FeatureWriter) -> None:
        self._frame, self._writer, self.chips = frame, writer, 0
        self._dissolver = Dissolver(frame.south_up, frame.grid.crs, UNFAMILIAR, frame.extent.shape[1])

    def watch(self, strips: Iterable[MapStrip]) -> Iterator[MapStrip]:
        """The same strips, from south to north; outlines are written once the strips have passed them."""
        for strip in strips:
            beyond = np.asarray(strip.extra[NOVELTY]) >= FLAG  # NaN, where a chip has no answer, is not
            if beyond.any():
                self._add(strip, beyond.astype(np.uint8))
            yield strip
        self._writer.write(self._dissolver.end())

    def _add(self, strip: MapStrip, codes: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
        chips, extent, grid = strip.chips, self._frame.extent, self._frame.grid
        cells = CellRange(int(chips.rows.min()), int(chips.rows.max()) + 1, extent.col0, extent.col1)
        areas = image_of(cells, chips, cell_areas_ha(grid, chips.rows, chips.cols), np.nan)[::-1]
        lines = MapLines(cells.row0 - extent.row0, image_of(cells, chips, codes, 0)[::-1], areas)
        for polygons in self._dissolver.add(lines):
            self._writer.write(polygons)
        self.chips += int(codes.sum())


@contextmanager
def unfamiliar_ground(folder: Path, frame: MapFrame) -> Iterator[UnfamiliarGround]:
    """Open `novelty.geojson` of a map whose strips carry the column `novelty`."""
    with geojson_writer(folder / NOVELTY_FILE) as writer:
        yield UnfamiliarGround(frame, writer)
