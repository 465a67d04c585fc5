"""The package as a zip file for a cluster's workers, so that they run the very code that the driver runs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import landuse

_BUILT = (1980, 1, 1, 0, 0, 0)  # one date for all, so that the same code gives the same bytes
_DATA = (".yaml", ".json", ".properties", ".typed", ".html")


def package_zip(folder: Path) -> Path:
    """Write ``landuse.zip`` into `folder`: the modules and their small data files, no weights. Returns its path."""
    home = Path(landuse.__file__).parent
    path = folder / "landuse.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(home.rglob("*")):
            if file.suffix == ".py" or file.suffix in _DATA:
                entry = zipfile.ZipInfo(str(file.relative_to(home.parent)), _BUILT)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
    return path
