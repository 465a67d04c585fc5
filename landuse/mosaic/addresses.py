"""From what a user types to paths GDAL opens: files, folders, globs, archives, VSI and http addresses, object stores."""

from __future__ import annotations

import glob
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from glob import has_magic
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from landuse.errors import NotARasterError, SourceNotFoundError
from landuse.text import counted

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


RASTER_SUFFIXES = frozenset({".tif", ".tiff", ".gtiff", ".vrt", ".jp2", ".img", ".sid", ".ecw"})
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
WORLD_SUFFIXES = (".wld", ".pgw", ".pngw", ".jgw", ".jpgw", ".jpegw")
MOST_LOOKED_AT = 100_000
"""Entries of a folder and its subfolders that are looked at to say what it holds."""
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
    """What to do with a folder without rasters, by what lies in it and in its subfolders."""
    below = [
        path for path in islice(folder.rglob("*"), MOST_LOOKED_AT) if not is_foreign(str(path.relative_to(folder)))
    ]
    rasters = sorted(path.suffix for path in below if _is_raster(path))
    if rasters:
        return f"for those in its subfolders give a glob such as '{folder}/**/*{rasters[-1]}'."
    pictures = sum(path.suffix.lower() in PICTURE_SUFFIXES for path in below)
    if pictures:
        return (
            f"nothing says where on Earth its {counted(pictures, 'picture')} {'lies' if pictures == 1 else 'lie'}: "
            "export GeoTIFFs, or put a world file and the CRS beside each. Models are trained on such pictures all the same."
        )
    return "nor does any folder in it: check the address."


def _is_raster(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        sidecars = [path.with_suffix(world) for world in WORLD_SUFFIXES] + [Path(f"{path}.aux.xml")]
        return any(sidecar.exists() for sidecar in sidecars)
    return suffix in RASTER_SUFFIXES


def _in_store(address: str) -> list[str]:
    found = _rasters(listed(address))
    if not found:
        raise SourceNotFoundError(f"{address} holds no raster; check the address.")
    return found


def _in_zip(path: Path) -> list[str]:
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


STORES = {"s3://": "/vsis3/", "gs://": "/vsigs/"}


def gdal_options(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """GDAL's settings for the store of AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL; none where GDAL has its own, or for Amazon."""
    url = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if not url or "AWS_S3_ENDPOINT" in environ:
        return {}
    address = urlsplit(url)
    return {
        "AWS_S3_ENDPOINT": f"{address.netloc}{address.path}".rstrip("/"),
        "AWS_HTTPS": "NO" if address.scheme == "http" else "YES",
        "AWS_VIRTUAL_HOSTING": "FALSE",  # the bucket goes into the path, as pyarrow has it: few stores have names a bucket
    }


def is_listing(address: str) -> bool:
    """Whether an address names a folder (``s3://bucket/2021/``) or a pattern (``s3://bucket/2021/*.tif``) of a store."""
    return address.lower().startswith(tuple(STORES)) and (address.endswith("/") or has_magic(address))


def listed(address: str) -> list[str]:
    """GDAL's paths of the objects that a folder or a pattern in its last part names, sorted by name.

    Raises:
        SourceNotFoundError: there is no such folder, or it may not be listed.
    """
    from pyarrow import fs

    base, _, pattern = address.rpartition("/")
    scheme = next(scheme for scheme in STORES if address.lower().startswith(scheme))
    try:
        system, folder = fs.FileSystem.from_uri(base)
        infos = system.get_file_info(fs.FileSelector(folder))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SourceNotFoundError(f"{address} cannot be listed ({reason}); check the address and the keys.") from error
    files = sorted(info.path for info in infos if info.type == fs.FileType.File)
    return [STORES[scheme] + path for path in files if fnmatch(path.rpartition("/")[2], pattern or "*")]


def object_state(address: str) -> tuple[int, str] | None:
    """Size in bytes and time of the last change of an object; None where that cannot be told.

    Args:
        address: as a user writes it (``s3://bucket/a.tif``) or as GDAL does (``/vsis3/bucket/a.tif``).
    """
    for scheme, prefix in STORES.items():
        if address.startswith((scheme, prefix)):
            info = _info(scheme, address.removeprefix(scheme).removeprefix(prefix))
            return None if info is None or info.size is None else (int(info.size), str(info.mtime_ns))
    return None


def object_bytes(address: str, most: int) -> bytes | None:
    """The first bytes of an object, by its address as GDAL writes it; None for other addresses, and where it cannot be read."""
    from pyarrow import fs

    for scheme, prefix in STORES.items():
        if address.startswith(prefix):
            try:
                system, where = fs.FileSystem.from_uri(scheme + address.removeprefix(prefix))
                with system.open_input_stream(where) as stream:
                    return bytes(stream.read(most))
            except (OSError, ValueError):
                return None
    return None


def _info(scheme: str, path: str) -> Any:  # noqa: ANN401
    from pyarrow import fs

    try:
        system, where = fs.FileSystem.from_uri(scheme + path)
        return system.get_file_info(where)
    except (OSError, ValueError):
        return None
