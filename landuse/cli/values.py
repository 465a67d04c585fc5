"""Texts of options that stand for more than one value."""

from __future__ import annotations

from typing import Any

import click


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
