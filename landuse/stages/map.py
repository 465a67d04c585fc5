"""`map`: one HTML page of maps and changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landuse.engine.lock import output_lock
from landuse.options.results import PageOptions
from landuse.outputs.folder import followed
from landuse.outputs.page import PageWishes, check_replaceable, write_map


def map(folders: Sequence[Path], out: Path, options: PageOptions | None = None) -> None:
    """Write the page of some folders of `classify` and `diff`.

    Args:
        folders: what they wrote.
        out: the ``.html`` to write; a page of landuse is replaced.
        options: its title, and whether any other file is replaced.

    Raises:
        OutputExistsError: `out` is no page of landuse, and `fresh` is not given.
        RunLockedError: another run writes it.
        LanduseError: see `write_map`.
    """
    options = options or PageOptions()
    target = followed(out)
    check_replaceable(target, fresh=options.fresh)
    with output_lock(target):
        write_map(folders, target, PageWishes(**options.model_dump(exclude={"fresh"})))
