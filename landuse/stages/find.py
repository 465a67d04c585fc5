"""`find`: what looks like a chip, or what changed like it."""

from __future__ import annotations

import time
from pathlib import Path

from landuse.errors import SourceNotFoundError
from landuse.grid import Cell
from landuse.likeness.finds import Finds, alike_in_change, alike_in_map
from landuse.likeness.sheet import write_finds
from landuse.options.results import FindOptions
from landuse.outputs.folder import claimed_folder, staged_folder
from landuse.outputs.record import RECORD, RunRecord, identify, read_record, write_record
from landuse.reporting.compared import read_compared


def find(folder: Path, chip_id: str, out: Path, options: FindOptions | None = None) -> Finds:
    """Search a map for chips that look like one of them, or a comparison for sites whose change does.

    Args:
        folder: of `classify` or `diff`.
        chip_id: such as ``r20000c2500``.
        out: folder to write: similar.html, similar.gpkg, similar.csv, run.json.
        options: how many are wanted.

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
