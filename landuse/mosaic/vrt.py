"""What a VRT may name: GDAL reads all that one names, at any address, so it is looked through before it is opened."""

from __future__ import annotations

import io
import posixpath
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import NoReturn
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, LexicalHandler, property_lexical_handler
from xml.sax.xmlreader import AttributesImpl, InputSource

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import create_parser

from landuse.errors import NotARasterError
from landuse.mosaic.addresses import STORES, object_bytes

MOST_BYTES, MOST_FILES = 2**26, 10**6
HEAD = 1024
"""Bytes by which GDAL tells what a file is."""
FILE_ELEMENTS = frozenset({"sourcefilename", "sourcedataset", "dempath"})
TEXTS = frozenset({"metadata", "description", "category", "srs"})
"""Elements that are free to speak of addresses, since nothing is read from there."""
KINDS = frozenset({"vrtwarpeddataset", "vrtsourcedrasterband", "vrtwarpedrasterband", "vrtderivedrasterband"})
"""Of the kinds of datasets and bands those that name files in no other way."""
ZIP = "/vsizip/"


def is_vrt(path: str) -> bool:
    """Whether a file is a VRT, by what it holds; where that cannot be looked at, by its name."""
    data = _bytes(path, HEAD)
    return path.lower().endswith(".vrt") if data is None else b"<VRTDataset" in data


def check_vrt(path: str) -> None:
    """Raise `NotARasterError` where a VRT, or one that it names, names what it may not; nothing is fetched but these.

    GDAL reads all that a VRT names, at any address. One on this machine may name files of this machine, one in a zip archive
    files of the archive, one in an object store files of its bucket.
    """
    state = None if path.startswith("/vsi") else Path(path).stat()
    _check(path, (state.st_mtime_ns, state.st_size) if state else None)


@lru_cache(maxsize=256)
def _check(path: str, _: tuple[int, int] | None) -> None:
    todo, seen = [path], {path}
    while todo:
        vrt = todo.pop()
        for name, relative in _names(vrt):
            found = _resolved(vrt, name, relative)
            if found in seen:
                continue
            seen.add(found)
            if _is_nested(vrt, found):
                todo.append(found)
        if len(seen) > MOST_FILES:
            raise NotARasterError(f"{path} names more than {MOST_FILES:,} files; give them as a folder.")


def _names(vrt: str) -> list[tuple[str, bool]]:
    data = _bytes(vrt, MOST_BYTES + 1)
    if data is None:
        raise NotARasterError(
            f"{vrt} is a VRT at an address where none is read; copy it and its files to this machine."
        )
    if len(data) > MOST_BYTES:
        raise NotARasterError(f"{vrt} is too large to be a VRT ({len(data):,} bytes).")
    reader, parser, source = _Reader(vrt), create_parser(forbid_dtd=True), InputSource(vrt)
    source.setByteStream(io.BytesIO(data))
    source.setEncoding("utf-8")  # whatever it declares: GDAL reads it so
    parser.setContentHandler(reader)
    parser.setProperty(property_lexical_handler, reader)
    try:
        parser.parse(source)
    except (SAXParseException, DefusedXmlException) as error:
        reason = " ".join(str(error).split())
        raise NotARasterError(f"{vrt} is no sound VRT ({reason}); write it again with gdalbuildvrt.") from error
    return reader.names


class _Reader(ContentHandler, LexicalHandler):
    """Picks the names of files out of a VRT. GDAL does not mind the case of names, nor whether they are of attributes."""

    def __init__(self, vrt: str) -> None:
        super().__init__()
        self.names: list[tuple[str, bool]] = []
        self._vrt, self._name, self._relative = vrt, "", "0"
        self._place: list[str] = []

    def startElement(self, tag: str, attributes: AttributesImpl) -> None:  # noqa: N802
        """Look at an element's attributes, and begin the name of a file."""
        kind, given = tag.casefold(), {key.casefold(): value for key, value in attributes.items()}
        self._between()
        moved = kind == "geoloctransformer" or given.get("key", "").casefold() == "root_path"
        if moved or given.keys() & FILE_ELEMENTS or given.get("subclass", "").casefold() not in ("", *KINDS):
            self._refuse()
        self._place.append(kind)
        for value in given.values():
            self._look(value)
        if kind in FILE_ELEMENTS:
            self._name, self._relative = "", given.get("relativetovrt", "0")

    def endElement(self, tag: str) -> None:  # noqa: N802
        """Keep the name of a file."""
        if self._place.pop() in FILE_ELEMENTS:
            if self._relative not in ("0", "1"):
                self._refuse()
            self.names.append((self._name, self._relative == "1"))

    def characters(self, content: str) -> None:
        """Go on with the name of a file."""
        if self._place and self._place[-1] in FILE_ELEMENTS:
            self._name += content
        else:
            self._look(content)

    def _between(self) -> None:
        """Refuse what would part the name of a file in two."""
        if self._place and self._place[-1] in FILE_ELEMENTS:
            self._refuse()

    def comment(self, content: str) -> None:
        """Refuse one in a name."""
        self._between()

    def startCDATA(self) -> None:  # noqa: N802
        """Refuse one in a name."""
        self._between()

    def processingInstruction(self, target: str, data: str) -> None:  # noqa: N802
        """Refuse one in a name."""
        self._between()

    def _refuse(self) -> NoReturn:
        raise NotARasterError(
            f"{self._vrt} is a VRT of a kind that is not read, since it can name files in many ways; write its pixels: "
            f"gdal_translate {self._vrt} pixels.tif"
        )

    def _look(self, value: str) -> None:
        """Refuse addresses where GDAL might take them for files."""
        if ("/vsi" in value or "://" in value) and not TEXTS.intersection(self._place):
            self._refuse()


def _resolved(vrt: str, name: str, relative: bool) -> str:
    """The path that GDAL would open for a name. Raises `NotARasterError` where it lies elsewhere."""
    home = _home(vrt)
    where = f"{name!r:.200}, and a VRT may name local files only"
    if not home:
        prefix = name.partition(":")[0] if ":" in name else ""
        path = str(Path(vrt).resolve().parent / name) if relative else name
        if not name or name.startswith(("/vsi", "<")) or len(prefix) > 1 or "\0" in name or not Path(path).is_file():
            raise NotARasterError(f"{vrt} names {where}; there is no such file on this machine.")
        return path
    if relative:
        inner = posixpath.normpath(posixpath.join(posixpath.dirname(vrt.removeprefix(home)), name))
    else:
        inner = posixpath.normpath(name.removeprefix(home)) if name.startswith(home) else "/"
    if inner.startswith(("/", "..")) or "/vsi" in inner or inner.lower().endswith(".vrt"):
        raise NotARasterError(f"{vrt} names {name!r:.200}; a VRT at such an address may name only rasters in {home}.")
    return home + inner


def _home(vrt: str) -> str:
    """The archive or the bucket that a VRT may not leave; empty for a file of this machine."""
    archive = _archive(vrt)
    if archive is not None:
        return f"{ZIP}{archive[0]}/"
    store = next((prefix for prefix in STORES.values() if vrt.startswith(prefix)), None)
    return "" if store is None else "/".join(vrt.split("/")[:3]) + "/"


def _is_nested(vrt: str, path: str) -> bool:
    """Whether a named file is a VRT too. Raises `NotARasterError` where it is a description of imagery somewhere else."""
    if not _home(vrt) or path.startswith(ZIP):
        head = _bytes(path, HEAD) or b""
        if b"<VRTDataset" in head:
            return True
        if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b"{") or ".gti." in path.lower():
            raise NotARasterError(f"{vrt} names {path}, which is no raster but a description of one.")
    return False


def _bytes(path: str, most: int) -> bytes | None:
    """The first bytes of a file of this machine, in a zip archive or in a store; None where they cannot be had."""
    archive = _archive(path)
    try:
        if archive is not None:
            with zipfile.ZipFile(archive[0]) as opened, opened.open(archive[1]) as stream:
                return stream.read(most)
        if path.startswith("/vsi"):
            return object_bytes(path, most)
        with Path(path).open("rb") as file:
            return file.read(most)
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile):
        return None


def _archive(path: str) -> tuple[str, str] | None:
    """Archive and member of a path in a zip archive of this machine, None for any other path."""
    if not path.startswith(ZIP):
        return None
    inner = Path(path.removeprefix(ZIP))
    outer = next((folder for folder in inner.parents if folder.is_file()), None)
    if outer is None or not path.startswith(f"{ZIP}{outer}/"):
        return None
    return str(outer), str(inner.relative_to(outer))
