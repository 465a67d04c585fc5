"""Flags, config file and Python function are one thing: every field of every schema can be given in each way."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import click
import pytest
from click.testing import CliRunner
from pydantic import Field

from landuse.cli.from_schema import Sectioned, options
from landuse.cli.main import with_config
from landuse.options.results import DemoOptions, DiffOptions, EvaluateOptions, PageOptions, QuantiseOptions
from landuse.options.schema import Flag, Options, flag_name, flag_of
from landuse.options.survey import ClassifyOptions, TileOptions
from landuse.options.training import TrainingOptions

SCHEMAS = (
    TileOptions, TrainingOptions, ClassifyOptions, DiffOptions, EvaluateOptions, PageOptions, QuantiseOptions, DemoOptions,
)  # fmt: skip


class Shared(Options):
    section = "Shared"

    size: Annotated[float, Field(gt=0, le=9), Flag("Size.", name="--how-big")] = 1.5


class Every(Shared):
    section = "Own"

    kind: Annotated[Literal["a", "b"] | None, Flag("Kind.")] = None
    corners: Annotated[tuple[float, float] | None, Flag("Corners.", metavar="A B")] = None
    numbers: Annotated[tuple[int, ...], Flag("Numbers.", example="1,2")] = (1, 2)
    words: Annotated[tuple[str, ...], Flag("Words.", name="--word")] = ()
    weights: Annotated[Mapping[str, float], Flag("Weights.", name="--weight", example="Water=2")] = {}
    folder: Annotated[Path | None, Flag("Folder.", path="folder")] = None
    quick: Annotated[bool, Flag("Quick.")] = False
    warm: Annotated[bool, Flag("Warm.", name="--warm/--cold")] = True
    place: Annotated[str, Flag("Place.", default="far")] = "near"


def called(*arguments):
    seen = []

    @click.command(cls=Sectioned, name="every")
    @options(Every)
    @click.option("--out")
    def every(options, out):
        seen.append((options, out))

    done = CliRunner().invoke(with_config(every), arguments)
    return done, seen


def test_no_flag_gives_the_defaults_of_the_command():
    assert called()[1] == [(Every(place="far"), None)]


GIVEN = Every(
    size=2, kind="b", corners=(1, 2), numbers=(3, 4), words=("x", "y"), weights={"Water": 2.0, "A=B": 1.0},
    folder="f", quick=True, warm=False, place="here",
)  # fmt: skip


def test_every_kind_of_flag():
    line = (
        "--how-big 2 --kind b --corners 1 2 --numbers 3,4 --word x --word y --weight Water=2 --weight A=B=1 --folder f "
        "--quick --cold --place here --out o"
    )
    assert called(*line.split())[1] == [(GIVEN, "o")]


def test_every_kind_of_line_in_a_config(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "size: 2\nkind: b\ncorners: [1, 2]\nnumbers: [3, 4]\nwords: [x, y]\nweights: [Water=2, A=B=1]\nfolder: f\n"
        "quick: true\nwarm: false\nplace: here\n"
    )
    assert called("--config", str(tmp_path / "c.yaml"))[1] == [(GIVEN, None)]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--how-big 0", "0<x<=9"),
        ("--how-big 10", "0<x<=9"),
        ("--kind c", "'a', 'b'"),
        ("--numbers 1,x", "write it like 1,2"),
        ("--numbers 0,1", "start at 1"),
        ("--weight Water", "write it like Water=2"),
        ("--nosuch 1", "No such option"),
    ],
)
def test_a_wrong_value_is_wrong_usage(line, sentence):
    done, _ = called(*line.split())
    assert done.exit_code == 2
    assert sentence in done.output


def test_help_lists_flags_under_the_headings_of_their_schemas():
    text = called("--help")[0].output
    assert (
        text.index("--out")
        < text.index("Shared:")
        < text.index("--how-big")
        < text.index("Own:")
        < text.index("--kind")
    )
    assert "[default: far]" in text
    assert "[default: 1.5; 0<x<=9]" in text


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_field_says_what_it_is(schema):
    names = [flag_name(schema, name) for name in schema.model_fields]
    assert len(set(names)) == len(names)
    assert all(name.startswith("--") for name in names)
    assert all(flag_of(schema, name).help[0].isupper() for name in schema.model_fields)
