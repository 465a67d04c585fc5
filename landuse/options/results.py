"""Options of what reads results, of what is drawn from them for people, and of `quantise`, `export` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from landuse.options.schema import Flag, Fresh, Inference, NameOrFile, Parts, Place, Seed, Tables

Language = Literal["en", "es"]
"""Those of `landuse/outputs/assets/page/words.json`."""
ChangeMethod = Literal["classwise", "joint", "independent"]
ExportFormat = Literal["onnx", "openvino", "savedmodel"]


class DiffOptions(Fresh, Tables):
    """What `diff` can be asked for."""

    min_probability: Annotated[float, Field(ge=0, le=1), Flag("Least probability of change of a confirmed cell.")] = 0.5
    min_site: Annotated[int, Field(ge=1), Flag("Least cells of a change site.")] = 1
    min_hectares: Annotated[
        float,
        Field(ge=0),
        Flag("Least area of a change site, on ground that both maps show.", metavar="HA"),
    ] = 0.0
    smooth: Annotated[
        bool, Flag("Let a confirmed cell go along with most of the 3 x 3 cells around it; a tie leaves it as it is.")
    ] = False
    method: Annotated[ChangeMethod, Flag("How change is inferred: docs/change.md.")] = "classwise"
    transitions: Annotated[
        Path | None,
        Flag("YAML of how likely moves are, for three or more maps: Water: {Developed: 0.1}.", path="file"),
    ] = None
    legend: Annotated[NameOrFile | None, Flag("Names for the codes of GeoTIFFs.", metavar="NAME_OR_FILE")] = None
    regroup: Annotated[
        NameOrFile | None, Flag("Compare in these coarser classes, such as groups3.", metavar="NAME_OR_FILE")
    ] = None


class EvaluateOptions(Fresh, Seed, Parts, Inference, Place):
    """What `evaluate` can be asked for. Where and how a network runs counts for models only, thresholds for tables only."""

    multi_label: Annotated[
        bool | None,
        Flag(
            "Whether a cell of a table holds several labels, as in 'Forest;Water'; else it is looked at.",
            name="--multi-label/--single-label",
        ),
    ] = None
    thresholds: Annotated[
        tuple[str, ...],
        Flag(
            "Probability from which a class of several counts as predicted (0.5); for one class or for all.",
            name="--threshold",
            metavar="[CLASS=]F",
        ),
    ] = ()
    group_by: Annotated[
        str | None, Flag("Column whose equal values belong together, such as a county.", metavar="COLUMN")
    ] = None
    root: Annotated[
        Path | None,
        Flag("Folder that the paths of a table of images are relative to (its own).", path="folder"),
    ] = None
    regroup: Annotated[
        NameOrFile | None,
        Flag("Give the figures in these coarser classes too, such as groups3.", metavar="LEGEND"),
    ] = None
    legend: Annotated[NameOrFile | None, Flag("Legend of a table's classes, for --regroup.", metavar="LEGEND")] = None
    bootstrap: Annotated[
        int,
        Field(ge=0, le=100_000),
        Flag(
            "Resamples for 95 % confidence intervals; rows of a group, or chips of a block, are drawn together.",
            metavar="N",
        ),
    ] = 0


class PageOptions(Fresh):
    """What `map` can be asked for. Without `fresh` it replaces only a page that landuse wrote."""

    title: Annotated[str | None, Flag("Heading of the page (default: made of the years).")] = None
    language: Annotated[Language, Flag("Language in which the page opens; its reader can switch between them.")] = "en"
    imagery_mb: Annotated[
        int, Field(ge=0, le=2000), Flag("What the imagery of the page may weigh, in megabytes.", metavar="MB")
    ] = 40
    remote_imagery: Annotated[
        bool,
        Flag("Fetch imagery that the folders name at other addresses, such as https or S3, while the page is made."),
    ] = False
    basemap: Annotated[
        str,
        Flag(
            "Address of an online map, with {z}, {x} and {y} (or WMTS's names), that is off until the reader turns it on; "
            "none for no such map.",
            metavar="URL",
        ),
    ] = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
    basemap_credit: Annotated[str | None, Flag("Whom the online map is by; shown on it.", metavar="TEXT")] = None


class ReportOptions(Fresh):
    """What `report` can be asked for. Without `fresh` it replaces only a page that landuse wrote."""

    title: Annotated[str | None, Flag("Heading of the report (default: made of the years).")] = None
    language: Annotated[Language, Flag("Language of the report.")] = "en"
    pdf: Annotated[
        Path | None,
        Flag("Write a PDF too, by Chromium, Chrome or Edge, else by WeasyPrint.", metavar="FILE", path="file"),
    ] = None
    paper: Annotated[Literal["a4", "letter"], Flag("Paper of the PDF.")] = "a4"
    assess: Annotated[
        Path | None, Flag("A folder of landuse assess estimate, for intervals and accuracy.", metavar="DIR")
    ] = None
    districts: Annotated[
        Path | None,
        Flag("Polygons by which change is listed (default: those of the diff, if it had any).", metavar="FILE"),
    ] = None
    district_name: Annotated[str | None, Flag("Their column of names.  [default: name]", metavar="COLUMN")] = None


class PacketOptions(Fresh):
    """What `packet` can be asked for. Without `fresh` it replaces nothing."""

    assess: Annotated[
        Path | None,
        Flag("A folder of landuse assess estimate, for intervals and accuracy in the report.", metavar="DIR"),
    ] = None


class FindOptions(Fresh):
    """What `find` can be asked for."""

    top: Annotated[int, Field(ge=1, le=1000), Flag("How many are wanted.", metavar="N")] = 50


class CatalogOptions(Fresh):
    """What `catalog` can be asked for. Without `fresh` it replaces no catalog."""

    title: Annotated[str | None, Flag("Title of the catalog.")] = None


class QuantiseOptions(Fresh, Seed):
    """What `quantise` can be asked for."""

    chips: Annotated[int, Field(ge=1), Flag("Chips that ranges are measured on.")] = 256
    held_back: Annotated[int, Field(ge=1), Flag("Other chips, to compare labels on.")] = 1000


class ExportOptions(Fresh):
    """What `export` can be asked for."""

    format: Annotated[ExportFormat, Flag("What is written: docs/export.md.")] = "onnx"
    chip_m: Annotated[
        float | None,
        Field(gt=0),
        Flag(
            "Side of the chips that it is to be run on, in metres (as trained, else 224).",
            name="--chip-size",
            metavar="M",
        ),
    ] = None


class DemoOptions(Fresh, Place):
    """What `demo` can be asked for."""

    data: Annotated[Path | None, Flag("Another made landscape.")] = None


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
    districts: Annotated[
        Path | None, Flag("Polygons, such as townships, within which areas are estimated too.", metavar="FILE")
    ] = None
    district_name: Annotated[str | None, Flag("Their column of names.  [default: name]", metavar="COLUMN")] = None


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
