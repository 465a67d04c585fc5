"""What lies in folders and archives: the user's files, and those that other programs leave among them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

FOREIGN = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information"})
"""Names, in small letters, that Windows, macOS and network drives give to files and folders of their own."""


def is_foreign(name: str) -> bool:
    """Whether an entry is hidden or was left by another program (``._a.tif``, ``.ipynb_checkpoints``, ``Thumbs.db``).

    Args:
        name: of one entry, or a path in an archive, whose every part counts.
    """
    return any(part.startswith(".") or part.casefold() in FOREIGN for part in PurePosixPath(name).parts)


def entries(folder: Path) -> list[Path]:
    """The entries of a folder, sorted by name, without those that are foreign."""
    return sorted(path for path in folder.iterdir() if not is_foreign(path.name))
