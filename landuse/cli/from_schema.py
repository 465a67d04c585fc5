"""What every command is made of: flags from the schema of its stage (see `landuse.options`), an example, and `--json`."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from landuse.options.schema import Flag, Options, Run, flag_name, flag_of, section_of

Command = Callable[..., Any]
Settings = dict[str, Any]
QUARANTINED = 3
"""Exit status of a run that is done, but for some chips that could not be read."""


class Sectioned(click.Command):
    """A command whose `--help` lists its options under the headings of their schema; how it runs comes last.

    Its `epilog` is an example: command lines that follow each other, which `tests/cli/test_examples.py` runs.
    """

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example, a command a line."""
        if self.epilog:
            with formatter.section("Example"):
                formatter.write("".join(f"  {line.strip()}\n" for line in self.epilog.strip().splitlines()))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options by section, in the order in which sections first occur."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", Options.section), []).append(record)
        for heading, records in sorted(sections.items(), key=lambda section: section[0] == Run.section):
            with formatter.section(heading):
                formatter.write_dl(records)


class SchemaOption(click.Option):
    """A flag of a schema's field."""

    def __init__(self, *declarations: str, section: str, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(list(declarations), **settings)
        self.section = section


def options(schema: type[Options]) -> Callable[[Command], Command]:
    """Give a command the flags of a schema; it is called with one `options` in their place.

    Stands below `@click.command(cls=Sectioned)` and the arguments of the command.
    """
    made = [_option(schema, name, field) for name, field in schema.model_fields.items()]

    def decorate(function: Command) -> Command:
        """The command with the flags."""

        @wraps(function)
        def call(**values: Any) -> Any:  # noqa: ANN401
            """Run the command with its flags gathered into options."""
            chosen = {name: values.pop(name) for name in schema.model_fields}
            return function(options=schema(**_gathered(schema, chosen)), **values)

        call.__click_params__ = [*reversed(made), *getattr(function, "__click_params__", [])]  # type: ignore[attr-defined]  # as click's own decorators do
        return call

    return decorate


out_folder = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write."
)
out_model = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Model file to write (.landuse)."
)


json_flag = click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of sentences.")


def print_json(found: Any) -> None:  # noqa: ANN401  # whatever JSON can hold, and paths
    """Print one JSON document; numbers that are none are null."""
    click.echo(json.dumps(_plain_json(found), indent=1, ensure_ascii=False, allow_nan=False, default=str))


def _plain_json(value: Any) -> Any:  # noqa: ANN401
    """A value with dataclasses as objects, tuples as lists, and without numbers that JSON has not."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_json(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _gathered(schema: type[Options], chosen: Settings) -> Settings:
    entries = {name for name in chosen if get_origin(_plain(schema.model_fields[name].annotation)) is Mapping}
    return {name: dict(value) if name in entries else value for name, value in chosen.items()}


def _option(schema: type[Options], name: str, field: FieldInfo) -> SchemaOption:
    flag = flag_of(schema, name)
    default = field.default if flag.default is None else flag.default
    settings: Settings = {"default": default, "show_default": default not in (None, (), {})}
    settings |= _settings(_plain(field.annotation), field, flag)
    if settings.get("multiple"):
        settings["default"] = None
    return SchemaOption(
        flag_name(schema, name),
        name,
        section=section_of(schema, name),
        help=flag.help,
        metavar=flag.metavar,
        **settings,
    )


def _settings(kind: Any, field: FieldInfo, flag: Flag) -> Settings:  # noqa: ANN401
    if kind is bool:
        return {} if "/" in (flag.name or "") else {"is_flag": True, "show_default": False}
    if kind in (int, float):
        return {"type": _ranged(kind, field)}
    if kind is Path:
        return {"type": click.Path(path_type=Path, file_okay=flag.path != "folder", dir_okay=flag.path != "file")}
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"type": click.Choice(list(inner))}
    if origin is Mapping:
        return {"multiple": True, "type": NamedNumber(flag.example) if _plain(inner[1]) is float else Values()}
    if origin is tuple and inner[-1] is not Ellipsis:
        return {"nargs": len(inner), "type": inner[0]}
    if origin is tuple and _plain(inner[0]) is int:
        given = None if field.default is None else ",".join(map(str, field.default))
        return {"type": Numbers(flag.example), "default": given}
    return {"multiple": True} if origin is tuple else {"type": str}


def _plain(annotation: Any) -> Any:  # noqa: ANN401
    """A type without None and without what is said about it; a choice between several stays what it is."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not types.NoneType]
        return _plain(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def _ranged(kind: type[int] | type[float], field: FieldInfo) -> click.ParamType[Any]:
    found = {
        name: getattr(said, name) for said in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(said, name)
    }
    if not found:
        return click.INT if kind is int else click.FLOAT
    low, high = found.get("ge", found.get("gt")), found.get("le", found.get("lt"))
    ranged: Any = click.IntRange if kind is int else click.FloatRange
    return cast("click.ParamType[Any]", ranged(low, high, min_open="gt" in found, max_open="lt" in found))


class Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers from 1 with commas between them, such as ``1,2,3``."""

    name = "N,..."

    def __init__(self, example: str) -> None:
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: ANN401
        """Parse the text; a tuple passes through."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of whole numbers; write it like {self._example}.", param, ctx)
        if min(numbers) < 1:
            self.fail(f"these numbers start at 1, so {value!r} cannot be right.", param, ctx)
        return numbers


class NamedNumber(click.ParamType[tuple[str, float]]):
    """A class name and a number, such as ``Water=2.0``."""

    name = "NAME=NUMBER"

    def __init__(self, example: str) -> None:
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:  # noqa: ANN401
        """Parse the text; a pair passes through."""
        if isinstance(value, tuple):
            return value
        name, sign, number = str(value).rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not (sign and name and 0 <= weight < float("inf")):
            self.fail(f"{value!r} is no class with a weight; write it like {self._example}.", param, ctx)
        return name, weight


Choices = tuple[str, tuple[Any, ...]]


class Values(click.ParamType[Choices]):
    """An option and the values to try, such as ``regularisation=0.01,0.1,1``."""

    name = "OPTION=VALUE,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Choices:  # noqa: ANN401
        """Parse the text, each value as its option would; a pair passes through."""
        if isinstance(value, tuple):
            return value
        name, sign, text = str(value).partition("=")
        values = tuple(part.strip() for part in text.split(",") if part.strip())
        if not (sign and values):
            self.fail(f"{value!r} is no option with values; write it like regularisation=0.01,0.1.", param, ctx)
        parameters = [] if ctx is None else ctx.command.params
        known = next((p for p in parameters if p.name == name.replace("-", "_")), None)
        if known is None:
            self.fail(f"{name!r} is no option of train.", param, ctx)
        return name.replace("-", "_"), tuple(known.type.convert(v, known, ctx) for v in values)
