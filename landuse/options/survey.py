"""Options of what turns a survey into chips and maps: `tile` and `classify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from landuse.options.schema import (
    Area,
    Digests,
    Flag,
    Fresh,
    Imagery,
    Inference,
    Lattice,
    NameOrFile,
    Options,
    Parts,
    Place,
    Tables,
)

Normalise = Literal["auto", "quantile", "none"]
LabelRule = Literal["nine-point", "majority", "centre"]
ImageFormat = Literal["png", "tif"]


class SurveyOptions(Imagery, Area, Lattice):
    """How a survey is cut into chips."""


class LabelOptions(Options):
    """How chips get labels."""

    section: ClassVar[str] = "Labels"

    labels: Annotated[Path | None, Flag("Label raster, or label polygons: FILE or FILE:LAYER.")] = None
    legend: Annotated[
        NameOrFile | None,
        Flag("Legend the labels are read with.  [default: the one that fits them]", metavar="NAME_OR_FILE"),
    ] = None
    label_rule: Annotated[
        LabelRule,
        Flag("How a chip gets its label: nine points that agree, the largest area share, or the centre."),
    ] = "majority"
    label_field: Annotated[
        str | None, Flag("Attribute of the label polygons that holds the class.", metavar="NAME")
    ] = None


class ImageOptions(Options):
    """What is written of the pixels."""

    section: ClassVar[str] = "Images"

    export: Annotated[ImageFormat | None, Flag("Also write chip images, in a folder for each label.")] = None


class TileOptions(Digests, Fresh, Place, ImageOptions, LabelOptions, SurveyOptions):
    """What `tile` can be asked for. Only the writing of images runs on `master`; all else takes seconds."""


class MapOptions(Options):
    """What the map is made with, and how fine it is."""

    section: ClassVar[str] = "Map"

    model: Annotated[NameOrFile, Flag("A model file, or one that ships.", metavar="NAME_OR_FILE")] = "builtin"
    cell: Annotated[
        float | None,
        Field(gt=0),
        Flag(
            "Side of a cell of the map, such as 32: many cells a chip in one pass.  [default: the chip]",
            metavar="METRES",
        ),
    ] = None
    normalise: Annotated[
        Normalise,
        Flag(
            "Bring the survey to what the model learnt from: auto its colours where they are far, and then what the network "
            "makes of them; quantile colours alone, in any case."
        ),
    ] = "auto"
    keep_features: Annotated[
        bool, Flag("Keep features.parquet: classify DIR --model OTHER then runs a head alone.")
    ] = False


class ClassifyOptions(Digests, Fresh, Parts, Place, Inference, SurveyOptions, Tables, MapOptions):
    """What `classify` can be asked for. Its chips have the model's own pixels."""

    task_timeout_s: Annotated[
        int,
        Field(ge=0),
        Flag(
            "Seconds after which a block is taken from a worker and tried again, on Spark; 0 is never.",
            name="--task-timeout",
            metavar="S",
        ),
    ] = 900
