"""The labelling page: places with pictures of both dates, and questions that are answered by key or click.

Answers stay in the browser until they are exported as CSV; nothing is sent anywhere. The page says nothing of what a map
says of a place: who labels must not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from string import Template

from landuse.outputs.html import asset, beginning, policy, script_json
from landuse.outputs.tables import csv_script


@dataclass(frozen=True)
class Question:
    """What is asked of every place."""

    column: str
    words: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A place to look at.

    Attributes:
        lon, lat: of its middle, in degrees.
        pictures: data addresses of pictures, by the name of the date: the place close up, then with its surroundings.
    """

    id: str
    columns: Mapping[str, str]
    lon: float
    lat: float
    pictures: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class LabelPage:
    """A page.

    Attributes:
        key: what answers are kept under in the browser; another design has another.
        outline_m: side of the square that is drawn around the middle of a picture, as a share of each picture's side:
            close up and wide.
    """

    title: str
    key: str
    id_column: str
    questions: tuple[Question, ...]
    places: tuple[Place, ...]
    outline: tuple[float, float] = (1.0, 1 / 3)
    file: str = "sample.csv"


def write_label_page(path: Path, page: LabelPage) -> None:
    """Write the page, one HTML file that fetches nothing."""
    script = "\n".join((csv_script(), asset("landuse.outputs", "label/label.js")))
    filled = {
        "beginning": beginning(page.title, asset("landuse.outputs", "label/label.css"), policy([script])),
        "title": escape(page.title),
        "data": script_json(asdict(page)),
        "script": script,
    }
    path.write_text(Template(asset("landuse.outputs", "label/label.html")).substitute(filled), encoding="utf8")


def questions_of(years: Sequence[str], classes: Sequence[str]) -> tuple[Question, ...]:
    """One question for each of two dates: which class the place had."""
    return tuple(
        Question(column, f"What was here in {year}?", tuple(classes))
        for column, year in zip(("before", "after"), years, strict=True)
    )
