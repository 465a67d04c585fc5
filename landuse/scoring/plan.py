"""What there is to do: the blocks of a chip set, each with the key under which its answer is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from landuse.chips import Chips, ChipSet, block_slices, image_order
from landuse.engine.parts import part_key
from landuse.errors import BandsError, DamagedSourceError, SourceNotFoundError
from landuse.grid import BLOCK, Block, IntArray
from landuse.models.bundle import Bundle
from landuse.models.runtime import Kind, Precision
from landuse.mosaic import Survey
from landuse.mosaic.survey import Recolouring
from landuse.outputs.record import FileIdentity, identify
from landuse.scoring.block import GAPS_RULE, BlockTask
from landuse.scoring.dense_ground import Reach
from landuse.version import __version__

DENSE_BLOCK = 2 * BLOCK
"""Chips along the side of a dense block."""


@dataclass(frozen=True)
class ScoreSettings:
    """How chips are run.

    Attributes:
        runtime: ``openvino`` or ``tensorflow``.
        precision: ``auto``, ``f32``, ``bf16`` or ``int8``.
        task_timeout_s: a block that takes longer on Spark is given to another worker; 0 is never.
        parts: address of the results of blocks where it is not the caller's own folder.
        split: cells of the lattice along a side of the model's chips: 1, or more for a dense grid.
        recolouring: how the colours of the survey are changed as it is read; None leaves them.
    """

    model: Path
    master: str = "inline"
    runtime: Kind = "openvino"
    precision: Precision = "auto"
    features: bool = False
    components: bool = False
    max_quarantined: float = 0.01
    task_timeout_s: int = 0
    parts: str | None = None
    split: int = 1
    recolouring: Recolouring | None = None

    @property
    def span(self) -> int:
        """Cells along the side of a block, a multiple of 16. Dense blocks are large, as each reads the ground around it too."""
        return BLOCK if self.split == 1 else DENSE_BLOCK * self.split


def check_bands(chips: Chips, bundle: Bundle) -> None:
    """Raise `BandsError` unless the survey gives the model as many bands as it was trained on."""
    given, wanted = len(chips.survey.bands), len(bundle.bands)
    if given != wanted:
        raise BandsError(
            f"Model {bundle.name} reads {wanted} bands ({', '.join(bundle.bands)}), but the survey gives {given}; "
            "choose them with --bands."
        )


def identify_sources(survey: Survey) -> dict[str, FileIdentity]:
    """Identity of every file of the survey, by path."""
    paths = list(dict.fromkeys(band.path for source in survey.sources for band in source.bands))
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(paths, pool.map(identify, paths), strict=True))


def check_unchanged(inputs: Mapping[str, FileIdentity]) -> None:
    """Raise `DamagedSourceError` where a file is another than when `inputs` was taken, so that both were read.

    What is gone or cannot be asked is not told here: chips that it should have given are quarantined already.
    """
    with ThreadPoolExecutor(8) as pool:
        changed = [
            path for path, other in zip(inputs, pool.map(_is_other, inputs, inputs.values()), strict=True) if other
        ]
    if changed:
        raise DamagedSourceError(
            f"{changed[0]} changed while it was read; give the same command again, which reads anew what has changed."
        )


def _is_other(path: str, before: FileIdentity) -> bool:
    try:
        now = identify(path)
    except SourceNotFoundError:
        return False
    return now.size >= 0 and now != before


def plan(
    chips: Chips, bundle: Bundle, settings: ScoreSettings, inputs: Mapping[str, FileIdentity]
) -> Iterator[BlockTask]:
    """The task of each block, strip by strip. Its key holds all that shapes its answer, so a part of that key can be reused."""
    survey = replace(chips.survey, recolouring=settings.recolouring)
    common = common_fields(chips, bundle, settings)
    digests = source_digests(survey, inputs)
    reach = Reach.of(chips.survey, chips.grid, settings.split) if settings.split > 1 else None
    for strip in chips.strips(settings.span):
        for block, places in blocks_of_strip(strip, settings.span):
            rows, cols = strip.rows[places], strip.cols[places]
            own: dict[str, Any] = {"block": block.id, "cells": [rows.tolist(), cols.tolist()]}
            if reach is None:
                numbers: IntArray = np.unique(strip.sources.take(places).numbers).astype(np.int64)
            else:
                numbers = reach.sources(rows, cols)
            own["sources"] = [digests[i] for i in numbers]
            yield BlockTask.of(block, part_key(**common, **own), (rows, cols), survey.part(numbers.tolist()))


def common_fields(chips: Chips, bundle: Bundle, settings: ScoreSettings) -> dict[str, Any]:
    """What shapes the answers of every block alike."""
    return {
        "version": __version__,
        "model": bundle.digest,
        "runtime": settings.runtime,
        "precision": settings.precision,
        "features": settings.features,
        "components": settings.components,
        "grid": chips.grid.as_dict() | {"chip_px": bundle.chip_px},
        "bands": list(chips.survey.bands),
        "stretch": chips.survey.stretch,
        "split": settings.split,
        "gaps": GAPS_RULE,
    }


def source_digests(survey: Survey, inputs: Mapping[str, FileIdentity]) -> list[tuple[Any, ...]]:
    """Of each source the state of its files, how they are stretched and recoloured, and which pixels are empty."""
    curves = [survey.curves_of(index) for index in range(len(survey.sources))]
    return [
        (
            [(inputs[band.path].key, band.band, band.part) for band in source.bands],
            survey.stretch_of(source),
            "" if found is None else found.tobytes().hex(),
            None if source.collar is None else astuple(source.collar),
            source.odd_alpha,
        )
        for source, found in zip(survey.sources, curves, strict=True)
    ]


def blocks_of_strip(strip: ChipSet, span: int) -> Iterator[tuple[Block, IntArray]]:
    """The blocks of a strip from west to east, each with the positions of its chips in image order."""
    order = image_order(strip.rows, strip.cols, span)
    for block, part in block_slices(strip.rows[order], strip.cols[order], span):
        yield block, order[part]
