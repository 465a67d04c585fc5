"""The chips of a survey, wherever they come from: its rasters, or a table that `tile` wrote; and the lattice they lie on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pyproj import CRS

from landuse.chips import CHIPS_FILE, Chips, ChipSet, chip_writer, open_chips
from landuse.chips.cells import area_geometry, survey_strips, touches
from landuse.crs import lattice_crs, parse_crs
from landuse.engine.parts import own_address
from landuse.engine.progress import busy, tell, untold
from landuse.errors import LanduseError, NoOverlapError, UsageError
from landuse.grid import CHIP_M, CHIP_PX, Bounds, ChipGrid, crs_text
from landuse.models.bundle import Bundle
from landuse.models.runtime import read_cached
from landuse.mosaic import Survey, open_survey
from landuse.mosaic.remarks import remarks
from landuse.options.schema import Lattice
from landuse.options.survey import ClassifyOptions, SurveyOptions
from landuse.outputs.record import RECORD, read_record
from landuse.scoring import ScoreSettings
from landuse.scoring.dense_ground import finer_pieces, split_of
from landuse.scoring.features import FEATURES_FILE

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Asked = TypeVar("Asked", bound=Lattice)


def chip_tables(inputs: Sequence[str | Path]) -> list[Path]:
    """Those of the inputs that are chip tables or their folders."""
    return [p for p in map(Path, inputs) if p.name == CHIPS_FILE or (p / CHIPS_FILE).is_file()]


def chips_of(inputs: Sequence[str | Path], options: SurveyOptions, parts: Path, split: int = 1) -> Chips:
    """The chips of a `tile` folder (or of its chips.parquet) or their cells, or those of a survey's rasters.

    Chips that are found here are written to a table in `parts`, so that they need not be in memory either.
    """
    tables = chip_tables(inputs)
    if len(tables) > 0 and len(inputs) > 1:
        raise UsageError("Give one folder of chips at a time, or rasters only: a survey year is one map.")
    if not tables:
        with busy("looking for chips"):
            return open_chips(found_chips(survey_pieces(inputs, options), parts))
    chips = open_chips(tables[0])
    check_cut(tables[0], chips, options, split)
    for line in survey_lines(chips.survey, chips.grid):
        tell(line)
    chips = chosen_chips(chips, options)
    if split == 1:
        return chips
    with busy("looking for chips"):
        return open_chips(found_chips(finer_pieces(chips, split, options.min_valid), parts))


def whole_chips(inputs: Sequence[str | Path], options: SurveyOptions, parts: Path) -> Chips | None:
    """The chips of a survey whose cells are found already, without another word; None where it is too small for one."""
    with untold():
        try:
            return chips_of(inputs, options, parts / "whole")
        except NoOverlapError:
            return None


def check_cut(table: Path, chips: Chips, options: SurveyOptions, split: int = 1) -> None:
    """Raise `UsageError` for options that say how chips are to be cut and read where they were cut otherwise already.

    And for a folder whose cells are no chips: those of ``classify --cell``.
    """
    usual, survey = SurveyOptions(), chips.survey
    folder = table if table.is_dir() else table.parent
    if _chip_of(folder, chips.grid.chip_m) != chips.grid.chip_m:
        raise UsageError(
            f"{folder} is a map of cells of {chips.grid.chip_m:g} m, each judged by a whole chip around it; give the chips or "
            f"rasters that it was made of, with --cell {chips.grid.chip_m:g} for such cells."
        )
    asked = {
        "--chip-size": options.chip_m * split not in (usual.chip_m, chips.grid.chip_m),
        "--crs": options.crs is not None and parse_crs(options.crs) != chips.grid.crs,
        "--bands": options.bands is not None and tuple(options.bands) != tuple(survey.bands),
        "--stretch": options.stretch is not None and options.stretch != survey.stretch,
        "--collar": options.collar != usual.collar,
    }
    if wrong := [flag for flag, is_other in asked.items() if is_other]:
        raise UsageError(
            f"The chips of {table} were cut and their bands chosen by landuse tile: leave {' and '.join(wrong)} out, or give "
            "the rasters themselves."
        )


def chosen_chips(chips: Chips, options: SurveyOptions) -> Chips:
    """The chips of a table within the area and with the imagery asked for.

    Raises:
        NoOverlapError: there are none.
    """
    least = 0.0 if options.min_valid == SurveyOptions().min_valid else options.min_valid  # else that of tile holds
    if options.aoi is None and options.bounds is None and not least:
        return chips
    area = area_geometry(options.aoi, options.bounds, chips.grid.crs, chips.grid.bounds(chips.extent))
    found = []
    for strip in chips.strips():
        inside = strip.valid >= least
        found.append(
            strip.subset(inside if area is None else inside & touches(area, chips.grid, strip.rows, strip.cols))
        )
    if not any(map(len, found)):
        raise NoOverlapError("Not one of the chips lies in the area given and has that much imagery; check both.")
    return ChipSet.joined([strip for strip in found if len(strip)])


def found_chips(pieces: Iterable[ChipSet], parts: Path) -> Path:
    """The chip table in `parts` of chips that come in pieces."""
    table = parts / CHIPS_FILE
    try:
        parts.mkdir(parents=True, exist_ok=True)
        with chip_writer(table) as writer:
            for piece in pieces:
                writer.write(piece)
    except LanduseError:  # of the rasters that the pieces are read from; some of these are OSErrors too
        table.unlink(missing_ok=True)
        if not any(parts.iterdir()):
            parts.rmdir()
        raise
    except OSError as error:
        raise LanduseError(f"Cannot write {table}: {error.strerror or error}.") from error
    return table


def survey_chips(sources: Sequence[str | Path], options: SurveyOptions) -> ChipSet:
    """The chips of a survey, without labels; writes nothing. Raises as `survey_pieces`."""
    return ChipSet.joined(list(survey_pieces(sources, options)))


def survey_pieces(sources: Sequence[str | Path], options: SurveyOptions) -> Iterator[ChipSet]:
    """The chips of a survey in pieces of some rows of blocks, from south to north, so that memory does not grow with them.

    Raises:
        SourceNotFoundError, NotARasterError, MissingCRSError, BandsError: a source cannot serve.
        GeographicGridError, UsageError: the lattice or the area cannot be as asked.
        NoOverlapError: no source shares ground with the area, or no chip has enough imagery.
    """
    survey = opened(sources, options)
    grid = lattice_of(survey, options)
    for line in survey_lines(survey, grid, options.like):
        tell(line)
    area = area_geometry(options.aoi, options.bounds, grid.crs, survey.bounds_in(grid.crs))
    best, inside, kept = 0.0, 0, 0
    for chips in _strips(survey, grid, area):
        near = chips if area is None else chips.subset(touches(area, grid, chips.rows, chips.cols))
        full = near.subset(near.valid >= max(options.min_valid, 1 / grid.chip_px))  # a pixel's width at least
        best, inside, kept = max(best, float(near.valid.max(initial=0))), inside + len(near), kept + len(full)
        if len(full):
            yield full if area is None else replace(full, area=bytes(area.wkb))
    if area is not None and not inside:
        what = f"the area of {options.aoi}" if options.aoi else f"the bounds {options.bounds}"
        raise NoOverlapError(f"The sources share no ground with {what}; check the area and the CRS of the sources.")
    if not best:
        raise NoOverlapError(
            f"The sources hold no data{'' if area is None else ' in the area given'}: every pixel is nodata or masked; "
            "check the files, and the value that they declare as nodata."
        )
    if not kept:
        raise NoOverlapError(
            f"No chip of {grid.chip_m:g} m has imagery on {options.min_valid:.0%} of its ground (the fullest has {best:.0%}); "
            "give smaller chips with --chip-size, or a smaller --min-valid."
        )


def _strips(survey: Survey, grid: ChipGrid, area: BaseGeometry | None) -> Iterator[ChipSet]:
    if area is not None and area.is_empty:
        return iter(())
    return survey_strips(survey, grid, None if area is None else Bounds(*area.bounds))


def absolute(address: str | Path) -> str:
    """A local address from the root, so that the chip table can be used from any folder and by any worker."""
    text = str(address)
    return text if "://" in text or text.startswith("/vsi") else str(Path(text).expanduser().absolute())


def opened(sources: Sequence[str | Path], options: SurveyOptions) -> Survey:
    """The survey of some rasters. Raises as `open_survey`."""
    addresses = [absolute(address) for address in sources]
    return open_survey(addresses, bands=options.bands, stretch=options.stretch, collars=options.collar == "auto")


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
    options = read_record(folder).options if (folder / RECORD).is_file() else {}
    return float(options.get("chip_m", CHIP_M)) if options.get("cell") is not None else cell_m


def survey_lines(survey: Survey, grid: ChipGrid, like: Path | None = None) -> list[str]:
    """What is to be said of a survey, a sentence a line.

    Args:
        like: the folder that gave the lattice; None where the survey did.
    """
    lines = [str(remark) for remark in remarks(survey, grid.crs)]
    if like is not None and not (own := own_crs(survey)).equals(grid.crs):
        lines.append(
            f"{like} lies in {grid.crs.name}, and this survey by itself would lie in {own.name}: its imagery is brought to the "
            "earlier lattice."
        )
    return lines


def score_settings(model: Path, inputs: Sequence[str | Path], out: Path, options: ClassifyOptions) -> ScoreSettings:
    """How the chips are run. Raises `UsageError` for cells that the chips or the model do not allow."""
    split = split_for(inputs, options, read_cached(model))
    return ScoreSettings(
        model,
        options.master,
        options.runtime,
        options.precision,
        options.keep_features,
        components=split == 1,
        split=split,
        max_quarantined=options.max_quarantined,
        task_timeout_s=options.task_timeout_s,
        parts=None if options.parts is None else own_address(options.parts, out),
    )


def kept_features(inputs: Sequence[str | Path], options: ClassifyOptions) -> Path | None:
    """The folder whose features are to be used; None where imagery is. Raises `UsageError` for options that do not fit."""
    found = [folder for folder in map(Path, inputs) if (folder / FEATURES_FILE).is_file()]
    if options.cell is not None and (options.keep_features or found):
        raise UsageError(
            "Features are kept of chips, not of the cells of a finer grid: leave --cell out, or the features."
        )
    if found and (options.keep_features or len(inputs) > 1):
        raise UsageError(f"{found[0]} keeps features already: give it alone, and leave --keep-features out.")
    if found and (options.aoi is not None or options.bounds is not None):
        raise UsageError(
            f"{found[0]} keeps the features of a whole map: leave --aoi and --bounds out, or give its chips."
        )
    return found[0] if found else None


def split_for(inputs: Sequence[str | Path], options: ClassifyOptions, bundle: Bundle) -> int:
    """Cells along a chip. Raises `UsageError` for cells that the chips or the model do not allow."""
    if options.cell is None:
        return 1
    tables = chip_tables(inputs)
    chip_m = open_chips(tables[0]).grid.chip_m if tables else options.chip_m
    return split_of(bundle, chip_m, options.cell, options.runtime)


def survey_options(options: ClassifyOptions, bundle: Bundle, split: int = 1) -> SurveyOptions:
    """The options with the model's own pixels a chip, or a cell. Raises `UsageError` where others were asked for."""
    if options.chip_px not in (CHIP_PX, bundle.chip_px):
        raise UsageError(
            f"Model {bundle.name} takes chips of {bundle.chip_px} pixels, not {options.chip_px}; leave --chip-pixels out."
        )
    return options.model_copy(update={"chip_m": options.chip_m / split, "chip_px": bundle.chip_px // split})
