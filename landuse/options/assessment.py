"""Options of `assess`: how a sample is drawn, and how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from landuse.options.groups import Fresh, Seed
from landuse.options.schema import Flag


class DesignOptions(Fresh, Seed):
    """How a sample is drawn. Without `units` there are as many as `target_se` needs."""

    units: Annotated[int | None, Field(ge=2, le=5000), Flag("How many cells people are to label.", metavar="N")] = None
    target_se: Annotated[
        float,
        Field(gt=0, lt=0.5),
        Flag("Standard error of the overall accuracy that the sample is sized for.", metavar="SHARE"),
    ] = 0.015
    least: Annotated[int, Field(ge=2), Flag("Least cells of a stratum.", metavar="N")] = 30
    buffer: Annotated[
        int, Field(ge=0, le=100), Flag("Cells around mapped change that are a stratum of their own.", metavar="CELLS")
    ] = 1
    possible: Annotated[
        float,
        Field(ge=0, le=1),
        Flag("Probability of change from which an unconfirmed cell counts as possible change.", metavar="P"),
    ] = 0.1


class EstimateOptions(Fresh):
    """How a labelled sample is read."""

    design: Annotated[
        Path | None,
        Flag("Folder of its design, where the sample does not lie in it.", path="folder"),
    ] = None


class AgreeOptions(Fresh):
    """How two labelled samples are compared."""


class AuditOptions(Fresh, Seed):
    """Which sites people are to look at."""

    top: Annotated[int, Field(ge=1, le=100_000), Flag("Sites that are audited, the surest first.", metavar="N")] = 500
    random: Annotated[
        int, Field(ge=0, le=2000), Flag("Sites drawn at random, which say how good the list is.", metavar="N")
    ] = 60
    chosen: Annotated[
        int, Field(ge=0, le=2000), Flag("Doubtful and large sites besides, which make it better.", metavar="N")
    ] = 60


class AuditApplyOptions(Fresh):
    """What is asked of the list after an audit."""

    design: Annotated[Path | None, Flag("Folder of the audit, where the answers do not lie in it.", path="folder")] = (
        None
    )
    precision: Annotated[float, Field(gt=0, lt=1), Flag("Share of sites that must be real.", metavar="SHARE")] = 0.8
    confidence: Annotated[float, Field(gt=0.5, lt=1), Flag("How sure that must be.", metavar="SHARE")] = 0.9
