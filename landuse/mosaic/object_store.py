"""What lies in an object store: what a folder of it holds, and whether an object is the same as before.

GDAL reads the objects, pyarrow lists them. Both take keys and region from AWS' own environment variables;
`gdal_options` gives GDAL the address of a store that is not Amazon's under the name that pyarrow and AWS' tools know.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatch
from glob import has_magic
from typing import Any
from urllib.parse import urlsplit

from landuse.errors import SourceNotFoundError

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
    """Pyarrow's `FileInfo` of an object, or None."""
    from pyarrow import fs

    try:
        system, where = fs.FileSystem.from_uri(scheme + path)
        return system.get_file_info(where)
    except (OSError, ValueError):
        return None
