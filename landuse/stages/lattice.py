"""The lattice on which a survey's chips lie, and what is said of the survey before it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pyproj import CRS

from landuse.chips import open_chips
from landuse.crs import lattice_crs, parse_crs
from landuse.errors import UsageError
from landuse.grid import CHIP_M, ChipGrid, crs_text
from landuse.mosaic import Survey
from landuse.mosaic.remarks import remarks
from landuse.options.groups import Lattice
from landuse.outputs.record import RECORD, read_record

Asked = TypeVar("Asked", bound=Lattice)


def lattice_of(survey: Survey, options: Lattice) -> ChipGrid:
    """The lattice on which a survey's chips lie. Raises `UsageError` for options that contradict each other."""
    options = on_earlier(options)
    crs = own_crs(survey) if options.crs is None else parse_crs(options.crs)
    return ChipGrid(crs, options.chip_m, options.chip_px)


def own_crs(survey: Survey) -> CRS:
    """The CRS in which a survey's chips lie unless a user says otherwise."""
    return lattice_crs(survey.crs, survey.bounds_in(survey.crs))


def on_earlier(options: Asked) -> Asked:
    """The options with the CRS and the size of chips of the result that `like` names; as they are where it names none.

    Raises `UsageError` where other options ask for another lattice.
    """
    if options.like is None:
        return options
    grid = open_chips(options.like).grid
    if options.crs is not None:
        if parse_crs(options.crs).equals(grid.crs):
            return options
        raise UsageError(
            f"{options.like} lies in {grid.crs.name}, and --crs asks for {options.crs}; leave one of them out."
        )
    chip_m = _chip_of(options.like, grid.chip_m)
    if options.chip_m not in (CHIP_M, chip_m):
        raise UsageError(
            f"The chips of {options.like} are of {chip_m:g} m, and --chip-size asks for {options.chip_m:g} m."
        )
    return options.model_copy(update={"crs": crs_text(grid.crs), "chip_m": chip_m})


def _chip_of(folder: Path, cell_m: float) -> float:
    """Side in metres of the chips of a result, whose own cells may be parts of chips."""
    options = read_record(folder).options if (folder / RECORD).is_file() else {}
    return float(options.get("chip_m", CHIP_M)) if options.get("cell") is not None else cell_m


def survey_lines(survey: Survey, grid: ChipGrid, like: Path | None = None) -> list[str]:
    """What is to be said of a survey, a sentence a line.

    Args:
        survey: the sources.
        grid: the lattice.
        like: the folder that gave the lattice; None where the survey did.
    """
    lines = [str(remark) for remark in remarks(survey, grid.crs)]
    if like is not None and not (own := own_crs(survey)).equals(grid.crs):
        lines.append(
            f"{like} lies in {grid.crs.name}, and this survey by itself would lie in {own.name}: its imagery is brought to the "
            "earlier lattice."
        )
    return lines
