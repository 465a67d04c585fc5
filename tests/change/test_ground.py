"""Only ground that imagery shows, within the area asked for, counts as hectares."""

import numpy as np
import pytest
import shapely

from landuse.change.ground import SeenGround, seen_ground
from landuse.chips import write_chips
from landuse.chips.chipset import ChipSet, SourceLists, image_order
from landuse.grid import CellRange, ChipGrid
from landuse.mosaic import open_survey
from landuse.options.results import DiffOptions
from landuse.stages.diff import diff
from tests.change.makers import CORNER, UTM, classified, sharp
from tests.made import raster

GRID = ChipGrid(UTM)


def with_chips(folder, valid, area=None):
    """The chip table of a made map, whose chips have these shares (H, W) of imagery."""
    cells = CellRange(CORNER[0], CORNER[0] + valid.shape[0], CORNER[1], CORNER[1] + valid.shape[1])
    picture = raster(folder.parent / f"{folder.name}.tif", np.full((3, 8, 8), 9, np.uint8), GRID.transform(cells, 1))
    rows, cols = cells.arrays()
    order = image_order(rows, cols)
    shares = valid.ravel().astype(np.float32)[order]
    chips = ChipSet(
        GRID, open_survey([picture]), rows[order], cols[order], shares, SourceLists.empty(valid.size),
        area=None if area is None else shapely.to_wkb(area),
    )  # fmt: skip
    write_chips(folder / "chips.parquet", chips)
    return folder


def test_areas_are_those_of_the_imagery_and_of_the_area_asked_for(tmp_path):
    codes = np.repeat(np.arange(20) % 3, 20).reshape(20, 20).T
    later = codes.copy()
    later[5:8, 4:6] = 2
    seen = np.ones((20, 20))
    seen[:, 4] = 0.25
    side, (row, col) = GRID.side, CORNER
    south_half = shapely.box(col * side, row * side, (col + 20) * side, (row + 13.5) * side)  # through line 6
    plain = [classified(tmp_path / f"plain{y}", sharp(c)) for y, c in ((2014, codes), (2020, later))]
    cut = [
        with_chips(classified(tmp_path / f"cut{y}", sharp(c)), valid, south_half)
        for y, c, valid in ((2014, codes, seen), (2020, later, np.ones((20, 20))))
    ]
    whole, part = diff(plain, tmp_path / "whole").summary, diff(cut, tmp_path / "part").summary
    cell = whole["area_ha"]["compared"] / 400
    assert part["cells"] == whole["cells"]
    assert part["area_ha"]["compared"] == pytest.approx(13.5 * 19.25 * cell, rel=1e-4)
    changed = later != codes
    weight = np.where(changed, seen, 0) * np.clip(np.arange(20) - 5.5, 0, 1)[:, None]
    assert part["area_ha"]["confirmed"] == pytest.approx(weight.sum() * cell, rel=1e-3)
    for least, sites in ((0.99, 1), (1.01, 0), (2.0, 0)):  # of six cells, most of them in part
        options = DiffOptions(min_hectares=least * part["area_ha"]["confirmed"])
        assert diff(cut, tmp_path / f"least{least}", options).summary["sites"] == sites


def test_a_table_of_another_lattice_says_nothing(tmp_path):
    folder = with_chips(classified(tmp_path / "map", sharp(np.zeros((4, 5), int))), np.full((4, 5), 0.5))
    transform = GRID.transform(CellRange(CORNER[0], CORNER[0] + 4, CORNER[1], CORNER[1] + 5), 1)
    found = seen_ground(folder, GRID, transform)
    assert isinstance(found, SeenGround)
    assert found.shares(slice(1, 3), slice(2, 9)).tolist() == [[0.5] * 3 + [1.0] * 4] * 2
    assert seen_ground(folder, ChipGrid(UTM, chip_m=112.0), transform) is None
    assert seen_ground(folder, None, transform) is None
    assert seen_ground(tmp_path, GRID, transform) is None
