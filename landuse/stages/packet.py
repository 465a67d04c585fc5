"""`packet`: a comparison with all that belongs to it in one zip, to be passed on."""

from __future__ import annotations

import tempfile
from pathlib import Path

from landuse.engine.lock import output_lock
from landuse.engine.progress import busy
from landuse.errors import OutputExistsError, SourceNotFoundError
from landuse.options.results import PacketOptions
from landuse.outputs.folder import followed
from landuse.outputs.page import write_map
from landuse.outputs.record import read_record
from landuse.reporting import words
from landuse.reporting.compared import CHANGE, maps_of
from landuse.reporting.packet import README, Entry, check_sender, entries_of, write_packet
from landuse.reporting.page import Contents, report_html
from landuse.reporting.readme import readme
from landuse.reporting.report import Beside, gather

REPORT, PAGE = "report.html", "map.html"
ALWAYS_OUT = "The imagery and the chip tables of the maps (chips.parquet), which name its files, stay with the sender."


def packet(change: Path, out: Path, options: PacketOptions | None = None) -> list[str]:
    """Write the packet of a comparison; return the names of its files.

    Args:
        change: a folder of `diff`.
        out: the ``.zip`` to write.
        options: what the report takes beside the comparison.

    Raises:
        OutputExistsError: `out` is there, and `fresh` is not given.
        SourceNotFoundError: the folder is the result of another command.
        LanduseError: in one of its kinds: a file is damaged or missing, or `out` cannot be written.
    """
    options, target = options or PacketOptions(), followed(out)
    record = read_record(change)
    if record.command != "diff":
        raise SourceNotFoundError(f"{change} is the result of landuse {record.command}; give a folder of landuse diff.")
    if target.exists() and not options.fresh:
        raise OutputExistsError(f"{out} is there already; give another --out, or --fresh to replace it.")
    maps = [path for path in maps_of(record) if path is not None and path.is_dir()]
    with output_lock(target), busy("making the packet"):
        contents = gather(change, Beside(options.assess)) if (change / CHANGE).is_file() else None
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
        write_map(folders, page)
        return page.read_text("utf8")


def _readme(contents: Contents | None, names: list[str], *, all_maps: bool) -> str:
    left_out = [ALWAYS_OUT]
    if not all_maps:
        left_out.append("The maps that were compared are not where they were, so that not all of them are in here.")
    if contents is None:
        left_out.append("There is no report: the maps give a square any number of classes, each of which has a folder.")
        return readme("What changed", "A comparison class by class.", names, [words.LOOK], left_out)
    compared = contents.compared
    told = words.limits(compared, contents.sample)
    return readme(words.default_title(compared), words.lead(compared), names, told, left_out)
