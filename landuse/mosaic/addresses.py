"""From what a user types to paths GDAL opens: files, folders, globs, archives, VSI, s3 and http addresses."""

from __future__ import annotations

import glob
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from landuse.errors import NotARasterError, SourceNotFoundError
from landuse.files import entries, is_foreign
from landuse.mosaic.object_store import is_listing, listed
from landuse.words import counted

RASTER_SUFFIXES = frozenset({".tif", ".tiff", ".gtiff", ".vrt", ".jp2", ".img", ".sid", ".ecw"})
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
WORLD_SUFFIXES = (".wld", ".pgw", ".pngw", ".jgw", ".jpgw", ".jpegw")
SCHEMES = {
    "s3://": "/vsis3/",
    "gs://": "/vsigs/",
    "az://": "/vsiaz/",
    "http://": "/vsicurl/http://",
    "https://": "/vsicurl/https://",
    "file://": "",
}


def expand(addresses: Sequence[str | Path]) -> tuple[str, ...]:
    """Paths for GDAL, in the order given and each once; what a folder, a glob or a zip holds is sorted by name.

    Raises:
        SourceNotFoundError: an address matches nothing, none is given, or a name is not UTF-8.
        NotARasterError: an archive cannot be read.
    """
    found = [path for address in addresses for path in expand_one(str(address))]
    if not found:
        raise SourceNotFoundError("No source was given; name at least one raster, folder or glob.")
    for path in found:
        _check_name(path)
    return tuple(dict.fromkeys(found))


def _check_name(path: str) -> None:
    """Refuse a name that is no UTF-8 text: neither GDAL nor a chip table can hold it."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        shown = path.encode(errors="backslashreplace").decode()
        raise SourceNotFoundError(f"The name {shown} is not UTF-8; rename the file.") from error


def expand_one(address: str) -> list[str]:
    """Paths of one address. Raises as `expand`."""
    if is_listing(address):
        return _in_store(address)
    for scheme, prefix in SCHEMES.items():
        if address.lower().startswith(scheme):
            address = prefix + address[len(scheme) :]
            break
    if address.startswith("/vsi"):
        return [address]
    path = Path(address).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return _in_zip(path) if path.suffix.lower() == ".zip" else [str(path)]
    return _matches(str(path))


def _in_folder(folder: Path) -> list[str]:
    """Rasters directly in a folder; pictures count where a sidecar places them on Earth."""
    found = [str(path) for path in entries(folder) if path.is_file() and _is_raster(path)]
    if not found:
        raise SourceNotFoundError(f"The folder {folder} holds no raster; {_instead(folder)}")
    return found


def _instead(folder: Path) -> str:
    """What to do with a folder without rasters, by what it holds."""
    pictures = sum(path.suffix.lower() in PICTURE_SUFFIXES for path in entries(folder))
    if pictures:
        return (
            f"nothing says where on Earth its {counted(pictures, 'picture')} {'lies' if pictures == 1 else 'lie'}: "
            "export GeoTIFFs, or put a world file and the CRS beside each. Models are trained on such pictures all the same."
        )
    return f"for rasters in its subfolders give a glob such as '{folder}/**/*.tif'."


def _is_raster(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        sidecars = [path.with_suffix(world) for world in WORLD_SUFFIXES] + [Path(f"{path}.aux.xml")]
        return any(sidecar.exists() for sidecar in sidecars)
    return suffix in RASTER_SUFFIXES


def _in_store(address: str) -> list[str]:
    """Rasters in a folder of an object store, or those that match a pattern there."""
    found = _rasters(listed(address))
    if not found:
        raise SourceNotFoundError(f"{address} holds no raster; check the address.")
    return found


def _in_zip(path: Path) -> list[str]:
    """Rasters in a zip archive, as /vsizip/ paths."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise NotARasterError(f"{path} is not a readable zip archive; it may be incomplete.") from error
    found = [f"/vsizip/{path}/{name}" for name in _rasters(names)]
    if not found:
        raise SourceNotFoundError(f"The archive {path} holds no raster.")
    return found


def _rasters(names: Iterable[str]) -> list[str]:
    return [name for name in names if Path(name).suffix.lower() in RASTER_SUFFIXES and not is_foreign(name)]


def _matches(pattern: str) -> list[str]:
    """Files of a glob (``**`` runs through subfolders)."""
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    found = [name for name in names if Path(name).is_file()]
    if not found and Path(pattern).exists():
        raise SourceNotFoundError(
            f"{pattern} is neither a file nor a folder; write what comes through it to a file first."
        )
    if not found:
        what = "No file matches" if glob.has_magic(pattern) else "There is no file or folder"
        raise SourceNotFoundError(f"{what} {pattern}; check the address.")
    return found
