"""What an option is, and what a stage's options have in common."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from inspect import get_annotations
from os import PathLike, fspath
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, field_validator

from landuse.errors import UsageError


@dataclass(frozen=True)
class Flag:
    """How the command line and the config file show an option; what it may be is said by its type.

    Attributes:
        help: one sentence for `--help`.
        name: of the flag, where it is not the field's own with dashes.
        metavar: what stands for the value in `--help`.
        default: of the command, where it is not that of the Python function.
        example: of a value that is a list, for the sentence that refuses a wrong one.
        path: what a path must be, if it exists.
    """

    help: str
    name: str | None = None
    metavar: str | None = None
    default: Any = None
    example: str = ""
    path: Literal["any", "file", "folder"] = "any"


def _text(value: Any) -> Any:  # noqa: ANN401
    return fspath(value) if isinstance(value, PathLike) else value


NameOrFile = Annotated[str, BeforeValidator(_text)]
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
        """A result stands wherever a path does."""
        return _text(value)

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
    """The first thing that is wrong, in one sentence."""
    first = error.errors()[0]
    if isinstance(cause := first.get("ctx", {}).get("error"), UsageError):
        return str(cause)
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        near = get_close_matches(name, schema.model_fields, 1)
        meant = f"; did you mean {near[0]!r}?" if near else "."
        return f"There is no option {name!r}{meant} There are {', '.join(schema.model_fields)}."
    given = first["input"]
    said = str(first["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    called = flag_name(schema, name) if name in schema.model_fields else name
    return f"{called} cannot be {given!r}: it should be {said}."
