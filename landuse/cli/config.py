"""`--config FILE.yaml`: the same options as a file. Flags win."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

MAX_BYTES = 1_000_000


def with_config(command: click.Command) -> click.Command:
    """Give a command the option `--config`, read before all others."""
    if all(parameter.name != "config" for parameter in command.params):
        command.params.append(
            click.Option(
                ["--config"],
                type=click.Path(path_type=Path, dir_okay=False),
                is_eager=True,
                expose_value=False,
                callback=_apply,
                help="YAML file with these options; flags win.",
            )
        )
    return command


def _apply(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    from landuse.errors import ConfigError

    typed: dict[str, Any] = {}
    known = {key: parameter for parameter in context.command.params for key in _keys(parameter)}
    for key, value in read_options(path).items():
        if key not in known:
            options = ", ".join(
                sorted(_keys(p)[0].replace("_", "-") for p in context.command.params if p.name != "config")
            )
            raise ConfigError(f"{path}: {context.command.name} has no option {key!r}; it has {options}.")
        parameter = known[key]
        if parameter.name in typed:
            raise ConfigError(f"{path} gives {key.replace('_', '-')} twice, by two names; keep one of them.")
        typed[str(parameter.name)] = _as_typed(value, parameter, f"{path}: {key.replace('_', '-')}")
    context.default_map = {**(context.default_map or {}), **typed}


def _keys(parameter: click.Parameter) -> list[str]:
    flags = [flag.lstrip("-").replace("-", "_") for flag in parameter.opts]
    return list(dict.fromkeys([*flags, str(parameter.name)]))


def _as_typed(value: Any, parameter: click.Parameter, where: str) -> Any:  # noqa: ANN401
    """A value of a config as the command line would have it, so that both are checked by the same rules.

    A list is a list of values where the option takes several, and the same with commas between where it takes one.
    """
    several = parameter.multiple or parameter.nargs != 1
    if isinstance(value, list):
        texts = [_text(item, where) for item in value]
        return texts if several else ",".join(texts)
    if isinstance(value, bool) and isinstance(parameter.type, click.types.BoolParamType):
        return value
    text = _text(value, where)
    if not several:
        return text
    return text.split() if parameter.nargs > 1 else [text]


def _text(value: Any, where: str) -> str:  # noqa: ANN401
    """One plain value as text; raises `ConfigError` for nothing, mappings, and lists within lists."""
    from landuse.errors import ConfigError

    if value is None:
        raise ConfigError(f"{where} has no value; give one, or leave the line out.")
    if isinstance(value, dict | list):
        raise ConfigError(f"{where} takes plain values, or one list of them.")
    return str(value)


def read_options(path: Path) -> dict[str, Any]:
    """Options of a YAML file, by parameter name. Plain data only, each once; raises `ConfigError` for anything else."""
    from landuse.errors import ConfigError
    from landuse.plain_yaml import read_yaml

    if not path.is_file():
        raise ConfigError(f"There is no config file {path}.")
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{path} is too large to be a config ({path.stat().st_size:,} bytes).")
    try:
        text = path.read_text(encoding="utf8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text file, so it cannot be a config.") from error
    values = read_yaml(text, str(path), "config")
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold options as 'name: value' lines.")
    options = {str(name).replace("-", "_"): value for name, value in values.items()}
    if len(options) < len(values):
        raise ConfigError(
            f"{path} gives an option twice, once with a dash and once with an underscore; keep one of them."
        )
    return options
