"""What an option is, what the options of a stage have in common, and those that several stages share."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from inspect import get_annotations
from os import PathLike, fspath
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from landuse.errors import UsageError


@dataclass(frozen=True)
class Flag:
    """How the command line and the config file show an option; what it may be is said by its type.

    Attributes:
        name: of the flag, where it is not the field's own with dashes.
        default: of the command, where it is not that of the Python function.
        example: of a value that is a list, for the sentence that refuses a wrong one.
    """

    help: str
    name: str | None = None
    metavar: str | None = None
    default: Any = None
    example: str = ""
    path: Literal["any", "file", "folder"] = "any"


LONGEST_VALUE = 120
"""Signs of a wrong value in a sentence: a data frame or a CRS shows itself on many lines."""
NameOrFile = str
"""The name of something that ships, or a path."""


class Options(BaseModel):
    """The options of a stage. A subclass adds fields, each `Annotated[type, Flag(help), Field(bounds)] = default`.

    Options that several stages share are classes of their own, from which the stages' classes inherit; `section` heads them in
    `--help`.

    Raises:
        UsageError: an option that there is not, or a value that cannot be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    section: ClassVar[str] = "Options"

    def __init__(self, **values: Any) -> None:  # noqa: ANN401
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise UsageError(_sentence(error, type(self))) from error

    @field_validator("*", mode="before")
    @classmethod
    def _results_are_paths(cls, value: Any) -> Any:  # noqa: ANN401
        return fspath(value) if isinstance(value, PathLike) else value

    def changed(self, **values: Any) -> Self:  # noqa: ANN401
        """The same with other values, checked anew."""
        return type(self)(**(dict(self) | values))

    def as_json(self) -> dict[str, Any]:
        """All options as JSON data, for `run.json`."""
        return self.model_dump(mode="json")


def flag_of(schema: type[Options], name: str) -> Flag:
    """How a field is shown. Raises `TypeError` for a field without a `Flag`, which is a mistake of this package."""
    for said in schema.model_fields[name].metadata:
        if isinstance(said, Flag):
            return said
    raise TypeError(f"{schema.__name__}.{name} has no Flag")


def flag_name(schema: type[Options], name: str) -> str:
    """The flag of a field, such as ``--chip-size``."""
    return flag_of(schema, name).name or f"--{name.replace('_', '-')}"


def section_of(schema: type[Options], name: str) -> str:
    """The heading under which `--help` lists a field: that of the class which adds it."""
    home = next(base for base in schema.__mro__ if name in get_annotations(base))
    return getattr(home, "section", Options.section)


def _sentence(error: ValidationError, schema: type[Options]) -> str:
    first = error.errors()[0]
    if isinstance(cause := first.get("ctx", {}).get("error"), UsageError):
        return str(cause)
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        flags = {flag_name(schema, field)[2:].replace("-", "_"): field for field in schema.model_fields}
        near = get_close_matches(name, [*schema.model_fields, *flags], 1)
        meant = f"; did you mean {flags.get(near[0], near[0])!r}?" if near else "."
        return f"There is no option {name!r}{meant} There are {', '.join(schema.model_fields)}."
    given = shorten(" ".join(repr(first["input"]).split()), LONGEST_VALUE, placeholder=" ...")
    said = "a path" if first["type"] == "path_type" else str(first["msg"])
    said = said.removeprefix("Input should be ").removeprefix("Value error, ")
    called = flag_name(schema, name) if name in schema.model_fields else name
    return f"{called} cannot be {given}: it should be {said}."


LonLatBounds = tuple[float, float, float, float]
Runtime = Literal["openvino", "tensorflow"]
Precision = Literal["auto", "f32", "bf16", "int8"]
INLINE = "inline"


def _joined(value: Any) -> Any:  # noqa: ANN401
    return ",".join(value) if isinstance(value, list | tuple) else value


def _crs_text(value: Any) -> Any:  # noqa: ANN401
    """A CRS of pyproj or rasterio as WKT, a number as that of EPSG; all else as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"EPSG:{value}"
    return value.to_wkt() if hasattr(value, "to_wkt") else value


class Lattice(Options):
    """Where chips lie. Without a CRS the sources decide (`landuse.crs.lattice_crs`)."""

    section: ClassVar[str] = "Lattice"

    chip_m: Annotated[float, Field(gt=0), Flag("Side of a chip in metres.", name="--chip-size")] = 224.0
    chip_px: Annotated[int, Field(ge=8, le=4096), Flag("Pixels of a chip side.", name="--chip-pixels")] = 224
    crs: Annotated[str | None, BeforeValidator(_crs_text), Flag("CRS of the lattice.", metavar="EPSG:n")] = None
    like: Annotated[
        Path | None,
        Flag("Lie on the lattice of an earlier tile or classify, so that years can be compared.", metavar="FOLDER"),
    ] = None


class Area(Options):
    """Which part of the land: polygons of a file, or a rectangle (west, south, east, north in degrees)."""

    section: ClassVar[str] = "Area"

    aoi: Annotated[Path | None, Flag("Only chips that touch these polygons.")] = None
    bounds: Annotated[LonLatBounds | None, Flag("Only chips that touch these lon/lat bounds.", metavar="W S E N")] = (
        None
    )


class Tables(Options):
    """Tables by district, and the formats of polygons."""

    section: ClassVar[str] = "Files"

    formats: Annotated[
        str,
        BeforeValidator(_joined),
        Flag("Formats of the polygons: gpkg, fgb, parquet, pmtiles; GeoJSON comes with them.", metavar="NAME,..."),
    ] = "gpkg,geojson"
    districts: Annotated[
        Path | None, Flag("Polygons, such as townships, by which areas are listed too.", metavar="FILE")
    ] = None
    district_name: Annotated[str | None, Flag("Their column of names.  [default: name]", metavar="COLUMN")] = None


class Imagery(Options):
    """What of the rasters is read. A chip without any imagery is never kept."""

    section: ClassVar[str] = "Imagery"

    bands: Annotated[
        Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] | None,
        Flag(
            "Source bands for R, G, B.  [default: red, green and blue by declared colours or names, else 1,2,3]",
            metavar="R,G,B",
            example="1,2,3",
        ),
    ] = None
    collar: Annotated[
        Literal["auto", "keep"],
        Flag("Ground around a picture that holds 0 or 255 without declaring it: leave it out, or keep it as imagery."),
    ] = "auto"
    stretch: Annotated[
        tuple[float, float] | None,
        Flag("Values that become 0 and 255 (16-bit sources).", metavar="LOW HIGH"),
    ] = None
    min_valid: Annotated[float, Field(ge=0, le=1), Flag("Least share of a chip with imagery.")] = 0.5


class Inference(Options):
    """How a network is run over chips."""

    section: ClassVar[str] = "Inference"

    runtime: Annotated[Runtime, Flag("What runs the network.")] = "openvino"
    precision: Annotated[
        Precision,
        Flag("Arithmetic of the network; auto takes bf16 where the processor has it, int8 needs landuse quantise."),
    ] = "auto"
    max_quarantined: Annotated[
        float, Field(ge=0, le=1), Flag("Largest share of chips that may fail before the run does.")
    ] = 0.01


class Run(Options):
    """How the work is done."""

    section: ClassVar[str] = "Run"


class Place(Run):
    """Where the work runs. A Python function runs in its own process unless told otherwise; a command starts Spark."""

    master: Annotated[
        str, Flag("Spark master, or 'inline' to run in this process without Spark.", default="local[*]")
    ] = INLINE


class Parts(Run):
    """Where workers that do not share this machine's disk leave what it collects."""

    parts: Annotated[
        str | None,
        Flag(
            "Where workers leave results that this machine collects, if they do not share its disk: s3://bucket/folder.",
            metavar="ADDRESS",
        ),
    ] = None


class Seed(Run):
    """What everything is drawn with."""

    seed: Annotated[int, Field(ge=0, lt=2**32), Flag("Seed of everything that draws.")] = 0


class Digests(Run):
    """How surely a record names what went in."""

    digests: Annotated[
        bool, Flag("Record a digest of every source's content too, not its size and time of change alone.")
    ] = False


class Fresh(Run):
    """Whether an earlier result gives way."""

    fresh: Annotated[bool, Flag("Ignore and replace an earlier result.")] = False
