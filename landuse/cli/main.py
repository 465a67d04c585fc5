"""`landuse`: finds the command, runs it, and turns an error into one sentence and an exit status."""

from __future__ import annotations

import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import click
from click.shell_completion import CompletionItem

from landuse.engine.progress import progress_on
from landuse.environment import keep_to_own_data
from landuse.errors import LanduseError, LanduseWarning
from landuse.version import __version__

COMMANDS = {
    "tile": ("survey", "Chips of a survey, with labels if there are any."),
    "train": ("models", "A model from labelled chips, class folders, annotations or a table."),
    "quantise": ("models", "A model that can also compute in 8-bit integers."),
    "export": ("models", "A model as ONNX, as OpenVINO's files or as a SavedModel, for other programs."),
    "evaluate": ("models", "How good a model or a table of predictions is."),
    "classify": ("survey", "A land-use map of a survey."),
    "diff": ("change", "What changed between two or more maps, and how surely."),
    "assess": ("change", "A sample that people label, and areas and accuracies with intervals."),
    "audit": ("change", "Sites that are worth a look, and a list that learns from the answers."),
    "map": ("results", "One HTML page of maps and changes for planners."),
    "report": ("results", "Two pages of what changed, to be forwarded: HTML and PDF."),
    "packet": ("results", "A comparison with report, map page and tables in one zip."),
    "find": ("results", "What looks like a chip, or changed like it."),
    "catalog": ("results", "A static STAC catalog of results."),
    "models": ("models", "What models ship, what can be had, and the card of a model."),
    "info": ("results", "What a file or folder is, where it came from, and whether it is whole."),
    "demo": ("results", "All of the above on the sample data."),
    "doctor": (
        "survey",
        "What is wrong with rasters before they are mapped, or what this machine has, and what to mend.",
    ),
}
"""The module of each command, and what the list of commands says of it."""
INTERRUPTED = 130


class Commands(click.Group):
    """Commands that are imported when they are called, so that the help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"landuse.cli.{module}"), cmd_name)
        for inner in getattr(command, "commands", {}).values():
            with_config(inner)
        return with_config(command)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands that begin so, without importing them."""
        return [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show a traceback when something fails (anywhere on the line).")
@click.version_option(__version__, prog_name="landuse")
def landuse(debug: bool) -> None:
    """Land-use maps and trustworthy change from survey years of aerial imagery."""


def main() -> None:
    """Run the command line and leave with its status: 0 done, 1 failed, 2 wrong usage, 3 done with quarantined chips."""
    keep_to_own_data()
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if not debug:
        sys.excepthook = _report_unforeseen
    sys.exit(run([a for a in arguments if a != "--debug"], debug=debug))


def run(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command line; return its exit status. Errors of this package become one sentence on stderr."""
    try:
        with warnings.catch_warnings(record=False), progress_on(sys.stderr):
            warnings.showwarning = _show_warning
            status = landuse.main(arguments, prog_name="landuse", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. Run the same command again to go on.", err=True)
        return INTERRUPTED
    except (LanduseError, OSError) as error:
        if debug:
            traceback.print_exception(error)
        click.echo(f"Error: {error}", err=True)
        return error.exit_status if isinstance(error, LanduseError) else 1


def _report_unforeseen(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    detail = " ".join(str(error).split())[:300]
    click.echo(
        f"Error: landuse met something it did not foresee ({kind.__name__}: {detail}); see it all with --debug.",
        err=True,
    )


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print this package's warnings as sentences; those of libraries are of no use to a planner."""
    if issubclass(category, LanduseWarning):
        click.echo(f"Warning: {message}", err=True)


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
    from landuse.plain_yaml import read_yaml_file

    values = read_yaml_file(path, "config")
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold options as 'name: value' lines.")
    options = {str(name).replace("-", "_"): value for name, value in values.items()}
    if len(options) < len(values):
        raise ConfigError(
            f"{path} gives an option twice, once with a dash and once with an underscore; keep one of them."
        )
    return options
