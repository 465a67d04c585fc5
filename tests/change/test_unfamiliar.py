"""Change on ground that a model has hardly seen."""

import numpy as np
import pytest

from landuse.chips import ChipSet, write_chips
from landuse.chips.order import image_order
from landuse.chips.source_lists import SourceLists
from landuse.errors import ChipTableError
from landuse.grid import CellRange, ChipGrid
from landuse.mosaic import open_survey
from landuse.stages.diff import DiffOptions, diff
from tests.change.makers import CORNER, UTM, classified, foreign, sharp


def scored(folder, novelty):
    """A folder of classify whose model knows novelty (H, W), as the chip table has it: south-most rows are lowest."""
    grid, (row, col) = ChipGrid(UTM), CORNER
    height, width = novelty.shape
    rows, cols = CellRange(row, row + height, col, col + width).arrays()
    order = image_order(rows, cols)
    survey = open_survey([foreign(folder / "photo.tif", np.ones((4, 4), np.uint8))], bands=(1,))
    chips = ChipSet(
        grid, survey, rows[order], cols[order], np.ones(len(rows), np.float32), SourceLists.empty(len(rows))
    )
    values = novelty[row + height - 1 - chips.rows, chips.cols - col].astype(np.float32)
    write_chips(folder / "chips.parquet", chips, {"novelty": values})
    (folder / "novelty.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    return folder


@pytest.fixture
def years(tmp_path):
    """Two years of 20 x 24 cells; three cells of the first line change class."""
    codes = np.repeat(np.arange(24) % 6, 20).reshape(24, 20).T
    later = codes.copy()
    later[0, 2:5] = 0
    return classified(tmp_path / "y2014", sharp(codes)), classified(tmp_path / "y2020", sharp(later))


def confirmed(years, out, **options):
    cells = diff(years, out, DiffOptions(**options)).summary["cells"]
    return cells["confirmed"], cells["confirmed_unfamiliar"]


def test_maps_that_know_nothing_of_it_say_nothing(tmp_path, years):
    assert confirmed(years, tmp_path / "out") == (3, None)


def test_confirmed_cells_count_that_either_model_has_hardly_seen(tmp_path, years):
    novelty = np.full((20, 24), 0.5)
    novelty[0, 2] = novelty[19, 4] = 0.995
    scored(years[0], novelty)
    assert confirmed(years, tmp_path / "one") == (3, 1)
    novelty[0, 2:4] = 0.99
    novelty[0, 4] = np.nan
    scored(years[1], novelty)
    assert confirmed(years, tmp_path / "both") == (3, 2)


def test_a_damaged_table_is_an_error(tmp_path, years):
    scored(years[0], np.zeros((20, 24)))
    table = years[0] / "chips.parquet"
    table.write_bytes(table.read_bytes()[:-10])
    with pytest.raises(ChipTableError):
        diff(years, tmp_path / "out")
