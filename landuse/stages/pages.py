"""What people look at: `map`, `report`, `packet` and `find`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from landuse.engine.progress import busy
from landuse.errors import LanduseError, OutputExistsError, SourceNotFoundError
from landuse.grid import Cell
from landuse.likeness.finds import Finds, alike_in_change, alike_in_map, alike_sites, write_finds
from landuse.options.results import FindOptions, PacketOptions, PageOptions, ReportOptions
from landuse.outputs.folder import claimed_folder, followed, output_lock, staged_folder, written_beside
from landuse.outputs.page import check_replaceable, write_map
from landuse.outputs.record import RECORD, RunRecord, identify, read_record, write_record
from landuse.reporting import words
from landuse.reporting.compared import CHANGE, maps_of, read_compared
from landuse.reporting.packet import README, Entry, check_sender, entries_of, readme, write_packet
from landuse.reporting.page import Contents, gather, report_html
from landuse.reporting.pdf import check_printable, write_pdf
from landuse.reporting.words import Speech


def map(folders: Sequence[Path], out: Path, options: PageOptions | None = None) -> None:
    """Write the page of some folders of `classify` and `diff`.

    Raises:
        OutputExistsError: `out` is no page of landuse, and `fresh` is not given.
        RunLockedError: another run writes it.
        LanduseError: see `write_map`.
    """
    options = options or PageOptions()
    target = followed(out)
    check_replaceable(target, fresh=options.fresh)
    with output_lock(target):
        write_map(folders, target, options, _alike(folders))


def _alike(folders: Sequence[Path]) -> dict[Path, dict[int, list[int]]]:
    """By folder of `diff`, which sites changed alike; of one that cannot tell, nothing is said."""
    found = {}
    for folder in folders:
        with suppress(LanduseError):  # a folder that is none is refused when the page is written
            record = read_record(folder)
            if record.command == "diff" and (folder / CHANGE).is_file():
                found[folder] = alike_sites(folder, record, maps_of(folder, record))
    return found


def report(change: Path, out: Path, options: ReportOptions | None = None) -> None:
    """Write the report of a comparison.

    Raises:
        OutputExistsError: `out` is no page of landuse, or the PDF is there, and `fresh` is not given.
        MissingDependencyError: a PDF is asked for, and nothing on this machine prints one.
    """
    options = options or ReportOptions()
    target = followed(out)
    check_replaceable(target, fresh=options.fresh)
    if options.pdf is not None:
        check_printable()
        if options.pdf.exists() and not options.fresh:
            raise OutputExistsError(f"{options.pdf} is there already; give another --pdf, or --fresh to replace it.")
    with output_lock(target), busy("writing the report"):
        contents = gather(change, options)
        html = report_html(contents, options)
        with written_beside(target) as partial:
            partial.write_text(html, encoding="utf8")
        if options.pdf is not None:
            write_pdf(html, options.pdf)


REPORT, PAGE = "report.html", "map.html"
ALWAYS_OUT = "The imagery and the chip tables of the maps (chips.parquet), which name its files, stay with the sender."


def packet(change: Path, out: Path, options: PacketOptions | None = None) -> list[str]:
    """Write the packet of a comparison; return the names of its files.

    Raises:
        OutputExistsError: `out` is there, and `fresh` is not given.
        SourceNotFoundError: the folder is the result of another command.
    """
    options, target = options or PacketOptions(), followed(out)
    record = read_record(change)
    if record.command != "diff":
        raise SourceNotFoundError(f"{change} is the result of landuse {record.command}; give a folder of landuse diff.")
    if target.exists() and not options.fresh:
        raise OutputExistsError(f"{out} is there already; give another --out, or --fresh to replace it.")
    maps = [path for path in maps_of(change, record) if path is not None and path.is_dir()]
    with output_lock(target), busy("making the packet"):
        contents = gather(change, ReportOptions(assess=options.assess)) if (change / CHANGE).is_file() else None
        pages = {PAGE: _map_page([*maps, change])}
        if contents is not None:
            pages[REPORT] = report_html(contents)
        entries = entries_of(change, maps, pages)
        names = [README, *(entry.name for entry in entries)]
        entries = [Entry(README, _readme(contents, names, all_maps=len(maps) > 1).encode()), *entries]
        check_sender(entries, [change.resolve().parent, *(folder.resolve().parent for folder in maps), Path.home()])
        write_packet(target, entries)
    return names


def _map_page(folders: list[Path]) -> str:
    with tempfile.TemporaryDirectory(prefix="landuse-") as name:
        page = Path(name) / PAGE
        write_map(folders, page, alike=_alike(folders))
        return page.read_text("utf8")


def _readme(contents: Contents | None, names: list[str], *, all_maps: bool) -> str:
    speech = Speech()
    left_out = [ALWAYS_OUT]
    if not all_maps:
        left_out.append("The maps that were compared are not where they were, so that not all of them are in here.")
    if contents is None:
        left_out.append("There is no report: the maps give a square any number of classes, each of which has a folder.")
        return readme("What changed", "A comparison class by class.", names, [speech.say("report_look")], left_out)
    compared = contents.compared
    told = compared.summary.recorded_limits + words.limits(speech, compared, contents.sample)
    return readme(words.default_title(speech, compared), words.lead(speech, compared), names, told, left_out)


def find(folder: Path, chip_id: str, out: Path, options: FindOptions | None = None) -> Finds:
    """Search a map for chips that look like one of them, or a comparison for sites whose change does.

    Args:
        out: folder to write: similar.html, similar.gpkg, similar.csv, run.json.

    Raises:
        UsageError: there is no such chip.
        SourceNotFoundError: the folder is the result of another command, or the maps of a comparison are gone.
        LanduseError: a file is damaged, or `out` holds something else.
    """
    options, started = options or FindOptions(), time.perf_counter()
    cell, record = Cell.parse(chip_id), read_record(folder)
    with claimed_folder(out, fresh=options.fresh) as target, staged_folder(target, fresh=options.fresh) as staging:
        if record.command == "classify":
            found = alike_in_map(folder, cell, options.top)
        elif record.command == "diff":
            found = alike_in_change(folder, record, read_compared(folder).maps, cell, options.top)
        else:
            raise SourceNotFoundError(
                f"{folder} is the result of landuse {record.command}; give one of classify or diff."
            )
        write_finds(staging, found)
        write_record(
            staging,
            RunRecord(
                command="find",
                options=options.as_json() | {"chip_id": cell.id},
                inputs=(identify(folder / RECORD),),
                grid=found.grid.as_dict(),
                counts={"found": len(found.finds) - 1},
                timings={"seconds": time.perf_counter() - started},
                details={"compared": "features" if found.features else "probabilities"},
            ),
        )
    return found
