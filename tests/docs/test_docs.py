"""What the README and the pages tell to type can be typed, and every page is on the site."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from landuse.cli import main as cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
OWN = re.compile(r"^(?:    |\$ )?(landuse(?: .*)?)$")
ELLIPSIS = {"...", "…"}


def commands_in(page):
    """The command lines of a page, comments and line ends left out."""
    for line in page.read_text("utf8").splitlines():
        if (found := OWN.match(line)) and line.startswith((" ", "$")):
            words = shlex.split(found[1], comments=True)[1:]
            if words and not ELLIPSIS & set(words) and words[0] not in {"COMMAND"}:
                yield words


def parsed(words):
    """Parse a command line without running it; raises as click does."""
    command = cli.landuse.get_command(click.Context(cli.landuse), words[0])
    assert command is not None, f"there is no command {words[0]}"
    words = words[1:]
    if isinstance(command, click.Group):
        context = command.make_context(command.name, words)  # a group may know which command is meant
        _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    command.make_context(command.name, [word for word in words if not word.startswith("--config")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_command_lines_can_be_typed(page):
    for words in commands_in(page):
        try:
            parsed(words)
        except click.ClickException as error:
            pytest.fail(f"landuse {' '.join(words)}: {error.format_message()}")


def test_lines_are_found_and_wrong_ones_are_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n\n    landuse tile a.tif --out chips   # so\n    landuse tile ... --out x\nlanduse is\n")
    assert list(commands_in(page)) == [["tile", "a.tif", "--out", "chips"]]
    with pytest.raises(click.NoSuchOption):
        parsed(["tile", "a.tif", "--out", "chips", "--nosuch", "1"])


def pages_of(nav):
    """File names in a navigation, however deep."""
    if isinstance(nav, str):
        return [nav]
    return [name for entry in (nav.values() if isinstance(nav, dict) else nav) for name in pages_of(entry)]


def test_every_page_is_on_the_site_once():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf8"))
    assert sorted(pages_of(site["nav"])) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    assert site["theme"]["font"] is False  # nothing is fetched from elsewhere
    assert {"search", "offline"} <= {plugin for plugin in site["plugins"] if isinstance(plugin, str)}
    (shim,) = site["extra"]["polyfills"]
    assert (ROOT / "docs" / shim).is_file()
