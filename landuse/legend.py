"""Legends: what classes a map has, their codes, names, colours and groups, and how other codes become them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from landuse.errors import ConfigError

UNMAPPED = 0
MAX_BYTES = 1_000_000
Code = Annotated[int, Field(ge=1, le=255)]


def _one_line(name: str) -> str:
    """A name that is one line of text as it looks; raises `ValueError` for control characters and turned writing."""
    if not name.isprintable():
        raise ValueError(f"{name!r} holds characters that cannot be printed")
    return name


Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_one_line)]


class LandClass(BaseModel):
    """One class of a legend.

    Attributes:
        code: what a raster holds, 1 to 255; 0 is no data.
        name: what people read.
        color: ``#rrggbb``.
        group: name of the coarser class it belongs to.
        sources: codes of the label raster that become this class.
        labels: names in label polygons or class folders that become this class, besides its own name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    name: Name
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    group: Annotated[str, Field(max_length=80), AfterValidator(_one_line)] = ""
    sources: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Colour as 0 to 255 red, green, blue."""
        return int(self.color[1:3], 16), int(self.color[3:5], 16), int(self.color[5:7], 16)


class Legend(BaseModel):
    """An ordered set of classes. Codes and names are unique; the order is that of probability columns."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    name: Name
    title: str = ""
    source: str = ""
    classes: tuple[LandClass, ...] = Field(min_length=1, max_length=255)

    @model_validator(mode="after")
    def _unique(self) -> Legend:
        for what, values in (("code", self.codes), ("name", self.names)):
            twice = sorted({str(v) for v in values if values.count(v) > 1})
            if twice:
                raise ValueError(f"{what} {', '.join(twice)} stands twice")
        sources = [s for c in self.classes for s in c.sources]
        if len(sources) != len(set(sources)):
            raise ValueError("a source code belongs to two classes")
        return self

    @property
    def codes(self) -> tuple[int, ...]:
        """Class codes in legend order."""
        return tuple(c.code for c in self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in legend order."""
        return tuple(c.name for c in self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    @cached_property
    def by_code(self) -> Mapping[int, LandClass]:
        """Class of each code."""
        return {c.code: c for c in self.classes}

    @cached_property
    def _by_label(self) -> Mapping[str, LandClass]:
        return {label.casefold(): c for c in self.classes for label in (*c.labels, c.name)}

    def code_of(self, label: str) -> int:
        """Code of a class name or of one of its other labels, case ignored; 0 where no class has it."""
        found = self._by_label.get(label.casefold())
        return found.code if found else UNMAPPED

    def name_of(self, code: int) -> str:
        """Name of a code; raises `ConfigError` for a code that the legend lacks."""
        if code not in self.by_code:
            raise ConfigError(f"Legend {self.name} has no class with code {code}.")
        return self.by_code[code].name

    def crosswalk(self) -> npt.NDArray[np.uint8]:
        """Lookup table of shape (65536,): label raster code -> class code, 0 where unmapped.

        A legend without any `sources` takes its own codes as they are.
        """
        table = np.zeros(65536, np.uint8)
        own = not any(c.sources for c in self.classes)
        for c in self.classes:
            table[[c.code] if own else list(c.sources)] = c.code
        return table

    def classify_codes(self, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.uint8]:
        """Class codes (uint8, same shape) of label raster codes; 0 where unmapped, negative codes included."""
        inside = (codes >= 0) & (codes < 65536)
        return np.where(inside, self.crosswalk()[np.where(inside, codes, 0)], UNMAPPED).astype(np.uint8)

    def as_mapped(self) -> Legend:
        """The same classes for rasters that hold this legend's own codes, without a crosswalk."""
        return self.model_copy(update={"classes": tuple(c.model_copy(update={"sources": ()}) for c in self.classes)})

    def regroup(self, groups: Legend) -> npt.NDArray[np.uint8]:
        """Lookup table of shape (256,): code of this legend -> code of `groups`, by each class's group name.

        Raises `ConfigError` where a class's group is not a class of `groups`.
        """
        table = np.zeros(256, np.uint8)
        for c in self.classes:
            code = groups.code_of(c.group)
            if code == UNMAPPED:
                raise ConfigError(
                    f"Class {c.name} of legend {self.name} has group {c.group!r}, which {groups.name} lacks."
                )
            table[c.code] = code
        return table

    def palette(self) -> dict[int, tuple[int, int, int, int]]:
        """RGBA of every code, with 0 (no data) transparent, as rasterio's `write_colormap` takes it."""
        return {UNMAPPED: (0, 0, 0, 0)} | {c.code: (*c.rgb, 255) for c in self.classes}


def configs_folder() -> Path:
    """The shipped configs: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def shipped_legends() -> tuple[str, ...]:
    """Names of the legends that ship."""
    return tuple(sorted(p.stem for p in (configs_folder() / "legends").glob("*.yaml")))


@cache
def load_legend(name_or_file: str) -> Legend:
    """A shipped legend by name, or a legend file. Raises `ConfigError` with the reason where it is neither."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", name_or_file) and name_or_file in shipped_legends():
        path = configs_folder() / "legends" / f"{name_or_file}.yaml"
    else:
        path = Path(name_or_file)
    if not path.is_file():
        known = ", ".join(shipped_legends())
        raise ConfigError(f"No legend {name_or_file!r}: give a YAML file or one of {known}.")
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{path} is too large to be a legend ({path.stat().st_size:,} bytes).")
    try:
        text = path.read_text(encoding="utf8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text file, so it cannot be a legend.") from error
    return parse_legend(text, str(path))


def parse_legend(text: str, where: str) -> Legend:
    """A legend from YAML text; `where` names it in errors. Plain YAML data only: no tags, no code, no key twice."""
    from landuse.plain_yaml import read_yaml  # results carry their legend, so few commands read such a file

    try:
        return Legend.model_validate(read_yaml(text, where, "legend"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the legend"
        raise ConfigError(f"{where}: {place}: {first['msg']}.") from error
