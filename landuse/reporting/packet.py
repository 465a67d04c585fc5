"""A packet: one zip of a comparison, its maps, report and page, the same bytes each time and no place of its sender."""

from __future__ import annotations

import hashlib
import json
import textwrap
import zipfile
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from landuse.errors import ConfigError
from landuse.outputs.folder import written_beside
from landuse.outputs.land_use_map import READ_OF_MAPS
from landuse.outputs.record import RECORD, RunRecord, damaged_files, read_record
from landuse.outputs.stac import CATALOG, ITEM, catalog_content
from landuse.version import __version__

CHANGE_FOLDER, MAPS_FOLDER, README = "change", "maps", "README.txt"
STAYS = frozenset({"chips.parquet", "features.parquet", "quarantine.csv"})
"""Files of a map that do not travel: they name the sender's imagery, or are of use with it alone."""
PACKED = frozenset({".parquet", ".pmtiles", ".xlsx"})
"""Endings of what is compressed already."""
EPOCH = (1980, 1, 1, 0, 0, 0)
TEXTS = frozenset({".json", ".csv", ".xml", ".qml", ".sld", ".lyrx", ".geojson", ".html", ".txt"})
WIDTH = 92
ABOUT = {
    "report.html": "The report, two or three pages. Open it in any browser; print it from there.",
    "map.html": "The map of both dates and of every change site. Open it in any browser; it needs no network.",
    "catalog.json": "STAC catalog of the folders, for programs that read such.",
    "change.tif": "What changed: 100 x class before + class after of each square; 0 where no change is confirmed.",
    "change_probability.tif": "How likely each square changed, 0 to 1.",
    "change.gpkg": "The change sites as polygons, with styles (GeoPackage). Open it in QGIS or ArcGIS.",
    "change.geojson": "The change sites in longitude and latitude (GeoJSON).",
    "sites.csv": "The list of sites, the surest first, with coordinates.",
    "ranking.parquet": "Every square, the likeliest change first.",
    "transitions.parquet": "The same for programs.",
    "summary.parquet": "The same for programs.",
    "districts.parquet": "The same for programs.",
    "classes.parquet": "The same for programs.",
    "classes.csv": "Hectares and sites of each class.",
    "timeline.parquet": "What became of each square over all dates.",
    "transitions.csv": "Hectares from each class to each other.",
    "summary.json": "Counts, areas and limits, for programs.",
    "districts.csv": "Hectares by district.",
    "districts.xlsx": "The same as a workbook.",
    "districts.geojson": "The districts in longitude and latitude (GeoJSON), with the hectares of each.",
    "gains.csv": "Hectares that each class gained and lost by confirmed change.",
    "gains.parquet": "The same for programs.",
    "gains.xlsx": "The same as a workbook.",
    "tables.xlsx": "The tables as a workbook.",
    "landuse.tif": "The land use of each square, with colours and names.",
    "landuse.gpkg": "The land use as polygons, with styles (GeoPackage). Open it in QGIS or ArcGIS.",
    "landuse.geojson": "The land use as polygons in longitude and latitude (GeoJSON).",
    "probabilities.tif": "How likely each class is in each square, 0 to 1.",
    "components.tif": "Numbers by which one place is told from another.",
    "summary.csv": "Hectares of each class.",
    "item.json": "STAC item: place, date, files.",
    "run.json": "How the folder was made, and the digest of each file; landuse info checks them.",
}
BY_SUFFIX = {
    ".qml": "Style for QGIS, taken by itself.",
    ".sld": "Style for GeoServer and others.",
    ".lyrx": "Layer file for ArcGIS Pro.",
    ".xml": "Names of the codes, and hectares of each; belongs to the raster of the same name.",
    ".fgb": "The polygons as FlatGeobuf.",
    ".parquet": "The polygons as GeoParquet.",
    ".pmtiles": "The polygons as vector tiles.",
    ".csv": "A table.",
    ".xlsx": "A workbook of tables.",
}


@dataclass(frozen=True)
class Entry:
    """A file of the packet: its name there, and its bytes or where they lie."""

    name: str
    content: bytes | Path


def entries_of(change: Path, maps: Sequence[Path], pages: Mapping[str, str]) -> list[Entry]:
    """Everything but the README, in the order of names. Raises `ConfigError`: a file is not as it was written."""
    found = list(_folder(change, CHANGE_FOLDER, frozenset()))
    for folder in maps:
        found += _folder(folder, f"{MAPS_FOLDER}/{folder.resolve().name}", STAYS)
    found += [Entry(name, text.encode()) for name, text in pages.items()]
    items = {one.name: one for one in found if one.name.endswith(f"/{ITEM}")}
    links = {f"./{name}": str(json.loads(_bytes(one)).get("id", name)) for name, one in sorted(items.items())}
    catalog = json.dumps(catalog_content("packet", "Land use and what changed", links), indent=1, ensure_ascii=False)
    found.append(Entry(CATALOG, f"{catalog}\n".encode()))
    return sorted(found, key=lambda entry: ("/" in entry.name, entry.name))


def _folder(folder: Path, name: str, stays: frozenset[str]) -> Iterator[Entry]:
    """The files that a record lists, those of folders inside it under their own records; nothing else travels."""
    record = read_record(folder)
    damaged = damaged_files(folder, record)
    if damaged:
        first, what = next(iter(damaged.items()))
        raise ConfigError(f"{folder / first} is {what}; make the folder again before it is passed on.")
    inner = {path.parent.relative_to(folder) for path in folder.glob(f"*/{RECORD}")}
    outputs = {
        file: digest
        for file, digest in record.outputs.items()
        if Path(file).name not in stays and Path(file).parent not in inner
    }
    item = (folder / ITEM).read_text("utf8") if ITEM in outputs else None
    run, cleaned = without_places(record.model_copy(update={"outputs": outputs}), item)
    yield Entry(f"{name}/{RECORD}", run.encode())
    for file in outputs:
        yield Entry(f"{name}/{file}", cleaned.encode() if file == ITEM and cleaned is not None else folder / file)
    for part in sorted(inner):
        yield from _folder(folder / part, f"{name}/{part.as_posix()}", stays)


def _bytes(entry: Entry) -> bytes:
    return entry.content if isinstance(entry.content, bytes) else entry.content.read_bytes()


def check_sender(entries: Sequence[Entry], folders: Sequence[Path]) -> None:
    """Raise `ConfigError` where a text still names a folder of the sender."""
    for entry in entries:
        if Path(entry.name).suffix in TEXTS and names_sender(_bytes(entry), folders):
            raise ConfigError(f"{entry.name} names a folder of this machine; it cannot be passed on as it is.")


def write_packet(path: Path, entries: Sequence[Entry]) -> None:
    """Write the zip; `path` appears whole or not at all. Raises `LanduseError` where it cannot be written."""
    with written_beside(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as packet:
        for entry in entries:
            _add(packet, entry)


def _add(packet: zipfile.ZipFile, entry: Entry) -> None:
    about = zipfile.ZipInfo(entry.name, EPOCH)
    about.external_attr = 0o644 << 16
    about.compress_type = zipfile.ZIP_STORED if Path(entry.name).suffix in PACKED else zipfile.ZIP_DEFLATED
    if isinstance(entry.content, bytes):
        packet.writestr(about, entry.content)
        return
    about.file_size = entry.content.stat().st_size
    with entry.content.open("rb") as source, packet.open(about, "w") as target:
        while chunk := source.read(1 << 20):
            target.write(chunk)


DERIVED = "derived_from"


def without_places(record: RunRecord, item: str | None) -> tuple[str, str | None]:
    """`run.json` and `item.json` (or None) of a folder without a path of this machine, and with the digest of the new item.

    An input is named by its file, one of a map by its folder too; an option that is a path by its last part.
    """
    outputs = dict(record.outputs)
    cleaned = None if item is None else _travelling(item, set(outputs))
    if cleaned is not None and ITEM in outputs:
        outputs[ITEM] = f"sha256:{hashlib.sha256(cleaned.encode()).hexdigest()}"
    inputs = tuple(one.model_copy(update={"path": _input_name(one.path)}) for one in record.inputs)
    options = {key: _last_part(value) for key, value in record.options.items()}
    details = {key: _no_absolute(value) for key, value in record.details.items()}
    kept = record.model_copy(update={"inputs": inputs, "options": options, "details": details, "outputs": outputs})
    return json.dumps(kept.model_dump(mode="json"), indent=1) + "\n", cleaned


def _input_name(path: str) -> str:
    parts = _parts(path)
    return "/".join(parts[-2:] if parts[-1] in READ_OF_MAPS else parts[-1:])


def _parts(path: str) -> Sequence[str]:
    return PureWindowsPath(path).parts if "\\" in path else PurePosixPath(path).parts or (path,)


def _last_part(value: Any) -> Any:  # noqa: ANN401
    """A text with a slash by what follows the last one; the same within lists and mappings."""
    if isinstance(value, str) and ("/" in value or "\\" in value):
        return _parts(value)[-1]
    return _within(value, _last_part)


def _no_absolute(value: Any) -> Any:  # noqa: ANN401
    """A text that is an absolute path by its last part; the same within lists and mappings."""
    if isinstance(value, str) and (PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute()):
        return _parts(value)[-1]
    return _within(value, _no_absolute)


def _within(value: Any, change: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {key: change(inner) for key, inner in value.items()}
    return [change(inner) for inner in value] if isinstance(value, list | tuple) else value


def _travelling(item: str, files: Set[str]) -> str:
    """An item of the files that travel, without links to what it was derived from, which does not."""
    content = json.loads(item)
    content["assets"] = {name: about for name, about in content.get("assets", {}).items() if name in files}
    content["links"] = [link for link in content.get("links", ()) if link.get("rel") != DERIVED]
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def names_sender(text: bytes, folders: Sequence[Path]) -> bool:
    """Whether a file's bytes hold the path of one of some folders of this machine."""
    return any(str(folder).encode() in text for folder in folders)


def readme(title: str, lead: str, names: Sequence[str], limits: Sequence[str], left_out: Sequence[str]) -> str:
    """The text."""
    parts = [title, "=" * min(len(title), WIDTH), "", *_wrapped(lead), "", "Begin with report.html or map.html.", ""]
    parts += ["Files", "-----"]
    folder = None
    for name in names:
        path = PurePosixPath(name)
        if str(path.parent) != folder:
            folder = str(path.parent)
            parts += ["", "In this folder:" if folder == "." else f"{folder}/"]
        parts += _entry(path)
    parts += ["", "What limits the figures", "-----------------------", *_points(limits)]
    parts += ["", "What is not in here", "-------------------", *_points(left_out)]
    return "\n".join([*parts, "", f"Made by landuse {__version__}.", ""])


def _entry(path: PurePosixPath) -> list[str]:
    about = ABOUT.get(path.name) or BY_SUFFIX.get(path.suffix, "")
    return textwrap.wrap(f"{path.name:<24} {about}", WIDTH, initial_indent="  ", subsequent_indent=" " * 27)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _points(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")]
