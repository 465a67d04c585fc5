"""Legends: what classes a map has, their codes, names, colours and groups, and how other codes become them."""

from __future__ import annotations

import colorsys
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from landuse.errors import ConfigError, LabelsError

UNMAPPED = 0
MOST_CODE = 65535
WHOLE = re.compile(r"^(\d+)\.0+$")
MOST_CLASSES = 255
LEGEND_TAG = "LANDUSE_LEGEND"
"""The tag in which a raster of ours carries its whole legend as JSON."""
Code = Annotated[int, Field(ge=1, le=MOST_CODE)]
CodeArray = npt.NDArray[np.unsignedinteger[Any]]
"""Class codes: uint8 where those of the legend fit, uint16 elsewhere."""


def _one_line(name: str) -> str:
    """A name that is one line of text as it looks; raises `ValueError` for control characters and turned writing."""
    if not name.isprintable():
        raise ValueError(f"{name!r} holds characters that cannot be printed")
    return name


Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_one_line)]


def same_name(name: str) -> str:
    """What two spellings of a class name have in common: case, spaces and Unicode form (NFC, NFD) left aside.

    A whole number is the same with decimals of 0, as a data frame writes it that lacks some.

    Example:
        >>> same_name("  Open\u00a0 water ") == same_name("open Water")
        True
    """
    text = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return WHOLE.sub(r"\1", text)


def spare_code(taken: Iterable[int]) -> int:
    """A code for a class whose own is 0, which is no data in our files: the highest free one up to 99, else above."""
    used = set(taken)
    free = (code for code in (*range(99, 0, -1), *range(100, MOST_CODE + 1)) if code not in used)
    return int(next(free))


class LandClass(BaseModel):
    """One class of a legend.

    Attributes:
        code: what our rasters hold, 1 to 65535; 0 is no data.
        color: ``#rrggbb``.
        sources: codes of the label raster that become this class.
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
    """An ordered set of classes. Codes and names are unique; the order is that of probability columns.

    A class that is given the code 0 (Dynamic World's water) gets a spare code, and 0 as its source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    name: Name
    title: str = ""
    source: str = ""
    classes: tuple[LandClass, ...] = Field(min_length=1, max_length=MOST_CLASSES)

    @model_validator(mode="before")
    @classmethod
    def _zero_as_source(cls, values: Any) -> Any:  # noqa: ANN401
        classes = values.get("classes") if isinstance(values, Mapping) else None
        if not isinstance(classes, list | tuple) or not all(isinstance(c, Mapping) for c in classes):
            return values
        codes = [c.get("code") for c in classes]
        if codes.count(0) != 1:
            return values
        plain = not any(c.get("sources") for c in classes)
        spare = spare_code(code for code in codes if isinstance(code, int))
        moved = [
            dict(c)
            | ({"sources": [c.get("code")]} if plain else {})
            | ({"code": spare, "sources": c.get("sources") or [0]} if c.get("code") == 0 else {})
            for c in classes
        ]
        return {**values, "classes": moved}

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

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """What holds the codes: uint8 where they fit, else uint16."""
        return np.dtype(np.uint8 if max(self.codes) <= np.iinfo(np.uint8).max else np.uint16)

    def as_codes(self, positions: npt.NDArray[np.integer[Any]]) -> CodeArray:
        """Codes of positions in the legend, in its dtype, same shape."""
        return np.asarray(np.asarray(self.codes, self.dtype)[positions])

    def positions(self, codes: CodeArray) -> npt.NDArray[np.int64]:
        """Positions of codes in the legend, same shape; -1 where it has no such code."""
        table = np.full(MOST_CODE + 1, -1)
        table[list(self.codes)] = np.arange(len(self))
        return table[codes]

    @cached_property
    def by_code(self) -> Mapping[int, LandClass]:
        """Class of each code."""
        return {c.code: c for c in self.classes}

    @cached_property
    def _by_label(self) -> Mapping[str, LandClass]:
        labels = {same_name(label): c for c in self.classes for label in c.labels}
        names = {same_name(c.name): c for c in reversed(self.classes)}
        return labels | names | {c.name: c for c in self.classes}

    def code_of(self, label: str) -> int:
        """Code of a class name or of one of its other labels, as `same_name` compares them; 0 where no class has it."""
        found = self._by_label.get(label) or self._by_label.get(same_name(label))
        return found.code if found else UNMAPPED

    def place_of(self, name: str) -> int:
        """Position of the class of a name, as `same_name` compares them and its other labels left aside; -1 for none."""
        alike = {same_name(c): place for place, c in reversed(list(enumerate(self.names)))}
        return self.names.index(name) if name in self.names else alike.get(same_name(name), -1)

    def code_of_value(self, value: str) -> int:
        """Code of what stands in an attribute: a class name or label, else a source code written as text; 0 for none."""
        named = self.code_of(value)
        if named != UNMAPPED:
            return named
        try:
            number = float(value)
        except ValueError:
            return UNMAPPED
        if not number.is_integer() or not 0 <= number <= MOST_CODE:
            return UNMAPPED
        return int(self.classify_codes(np.array([int(number)]))[0])

    def name_of(self, code: int) -> str:
        """Name of a code; raises `ConfigError` for a code that the legend lacks."""
        if code not in self.by_code:
            raise ConfigError(f"Legend {self.name} has no class with code {code}.")
        return self.by_code[code].name

    def crosswalk(self) -> CodeArray:
        """Lookup table of shape (65536,): label raster code -> class code, 0 where unmapped.

        A legend without any `sources` takes its own codes as they are.
        """
        table = np.zeros(MOST_CODE + 1, self.dtype)
        own = not any(c.sources for c in self.classes)
        for c in self.classes:
            table[[c.code] if own else list(c.sources)] = c.code
        return table

    def classify_codes(self, codes: npt.NDArray[np.integer[Any]]) -> CodeArray:
        """Class codes (same shape, in `dtype`) of label raster codes; 0 where unmapped, negative codes included."""
        inside = (codes >= 0) & (codes <= MOST_CODE)
        return np.where(inside, self.crosswalk()[np.where(inside, codes, 0)], UNMAPPED).astype(self.dtype)

    def as_mapped(self) -> Legend:
        """The same classes for rasters that hold this legend's own codes, without a crosswalk."""
        return self.with_classes([c.model_copy(update={"sources": ()}) for c in self.classes])

    def with_classes(self, classes: Iterable[LandClass]) -> Legend:
        """The legend with other classes. Not `model_copy`, which takes along what was looked up in the old ones."""
        return Legend(name=self.name, title=self.title, source=self.source, classes=tuple(classes))

    def regroup(self, groups: Legend) -> CodeArray:
        """Lookup table of shape (65536,): code of this legend -> code of `groups`, by each class's group name.

        Raises `ConfigError` where a class's group is not a class of `groups`.
        """
        table = np.zeros(MOST_CODE + 1, groups.dtype)
        for c in self.classes:
            code = groups.code_of(c.group)
            if code == UNMAPPED:
                raise ConfigError(
                    f"Class {c.name} of legend {self.name} has group {c.group!r}, which {groups.name} lacks."
                )
            table[c.code] = code
        return table

    @classmethod
    def of_names(cls, names: Sequence[str], title: str) -> Legend:
        """A legend of class names alone, coded from 1, with colours spread over the hues.

        Names that `same_name` holds for one are one class, called as the first of them.

        Raises:
            LabelsError: there are more than a legend can hold, or one cannot name a class.
        """
        spellings: dict[str, str] = {}
        for name in names:
            spellings.setdefault(same_name(name), " ".join(name.split()))
        if len(spellings) > MOST_CLASSES:
            raise LabelsError(f"{title} has {len(spellings)} different labels; a legend holds {MOST_CLASSES} at most.")
        classes = [
            {"code": position + 1, "name": name, "color": _spread_color(position)}
            for position, name in enumerate(spellings.values())
        ]
        called = "".join(char for char in title if char.isprintable())[:80] or "classes"
        try:
            return cls.model_validate({"name": called, "classes": classes})
        except ValidationError as error:
            raise LabelsError(f"A label of {title} cannot name a class: {_reason(error)}.") from error


def _spread_color(position: int) -> str:
    lightness = (0.35, 0.55, 0.72)[position % 3]
    red, green, blue = colorsys.hls_to_rgb(position * 0.61803 % 1, lightness, 0.65)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def configs_folder() -> Path:
    """The shipped configs: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "configs"
    return inside if inside.is_dir() else inside.parents[1] / "configs"


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
    from landuse.plain_yaml import read_yaml_file  # results carry their legend, so few commands read such a file

    return legend_of(read_yaml_file(path, "legend"), str(path))


def legend_of(data: object, where: str) -> Legend:
    """A legend of plain data; `where` names it in errors. Raises `ConfigError` for what is none."""
    try:
        return Legend.model_validate(data)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"])) or "the legend"
        raise ConfigError(f"{where}: {place}: {_reason(error)}.") from error


def _reason(error: ValidationError) -> str:
    """The first thing that is wrong with plain data, and with what."""
    first = error.errors()[0]
    if first["type"] == "string_type":
        return f"{first['input']!r:.100} is no text; write names such as No or 1 in quotes"
    said = str(first["msg"]).removeprefix("Value error, ")
    return said if first["type"] == "value_error" else f"{said}, not {first['input']!r:.100}"
