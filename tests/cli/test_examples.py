"""The example in each command's `--help` is true: all of them run one after the other, in one folder, as they stand."""

import csv
import json
import shlex

import click
import pytest

from landuse.cli import main as cli
from landuse.stages import demo
from tests.made_years import COLS, ROWS, made_years

SPARK = ["--master", "inline"]


def every_command():
    """Each command with its words, those of groups included, in the order of the work."""
    for name in cli.COMMANDS:
        command = cli.landuse.get_command(None, name)
        inner = command.commands if isinstance(command, click.Group) else {}
        yield from ((f"{name} {word}", each) for word, each in inner.items()) if inner else [(name, command)]


COMMANDS = dict(every_command())


def example(name):
    """The lines of a command's example."""
    return [line.strip() for line in (COMMANDS[name].epilog or "").strip().splitlines()]


def without_spark(name, words):
    """The words of a line, with a runner that needs no Java where the command has one."""
    return [*words, *SPARK] if any(p.name == "master" for p in COMMANDS[name].params) else words


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_of_itself(name, capsys):
    lines = example(name)
    assert lines
    assert all(f"{line} ".startswith(f"landuse {name} ") for line in lines)
    assert cli.run([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {line}\n" in shown for line in lines)


def label(folder, out):
    """What people would do with a sample: name the classes that its key has."""
    with (folder / "key.csv").open(newline="") as stream:
        keys = {row["sample_id"]: row for row in csv.DictReader(stream)}
    with (folder / "sample.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with out.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        for row in rows:
            key = keys[row["sample_id"]]
            writer.writerow(row | {"before": key["before"], "after": key["to"]})


def confirm(sheet, out):
    """What people would do with an audit: say of each site that it changed."""
    with sheet.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with out.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(row | {"changed": "yes"} for row in rows)


class County:
    """A folder with two survey years, where examples run in the order of the work, each once."""

    def __init__(self, folder):
        self.folder = made_years(folder)
        self.said = {}

    def run_until(self, name, capsys):
        """What the last line of a command's example prints; all examples before it have run."""
        for earlier in list(COMMANDS)[: list(COMMANDS).index(name) + 1]:
            if earlier not in self.said:
                self.said[earlier] = self.run(earlier, capsys)
        return self.said[name]

    def run(self, name, capsys):
        """Run the lines of an example, in JSON where the command can."""
        has_json = any(p.name == "as_json" for p in COMMANDS[name].params)
        for line in example(name):
            words = [word for word in shlex.split(line)[1:] if word != "--json"]
            status = cli.run([*without_spark(name, words), *(["--json"] if has_json else [])])
            told = capsys.readouterr()
            assert status == 0, f"{line}: {told.err}"
        if name == "assess design":
            label(self.folder / "sample", self.folder / "sample.csv")
            label(self.folder / "sample", self.folder / "second.csv")
        if name == "audit sites":
            confirm(self.folder / "audit" / "audit.csv", self.folder / "audit.csv")
        return json.loads(told.out) if has_json else told.out


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    return County(tmp_path_factory.mktemp("examples"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_runs(name, county, monkeypatch, capsys):
    monkeypatch.chdir(county.folder)
    monkeypatch.setattr(demo, "sample_folder", lambda: county.folder / "landscape")
    said = county.run_until(name, capsys)
    if name in WORTH_A_LOOK:
        assert WORTH_A_LOOK[name](said)


WORTH_A_LOOK = {
    "tile": lambda said: said["chips"] == ROWS * COLS,
    "train": lambda said: "Water" in said["classes"],
    "classify": lambda said: said["classified"] == ROWS * COLS and said["areas"][0]["name"] == "Developed",
    "find": lambda said: said["finds"][0]["rank"] == 0 and len(said["finds"]) == ROWS * COLS,
    "diff": lambda said: said["cells"]["compared"] == ROWS * COLS,
    "info": lambda said: said["what"] == "model" and said["whole"],
    "models": lambda said: said["name"] == "builtin",
    "demo": lambda said: "the map: " in said,
    "doctor": lambda said: {found["grade"] for found in said} <= {"ok", "note"},
}


def test_what_prints_figures_can_print_json():
    without = {name for name, command in COMMANDS.items() if all(p.name != "as_json" for p in command.params)}
    assert without <= WRITE


WRITE = {"map", "report", "packet", "catalog", "demo", "export"}
"""Commands that write something for others, and print where it is."""
