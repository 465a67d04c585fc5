"""The stages as functions, for scripts and notebooks: paths or results in, results out, options as keyword arguments.

Where `out` is left out, a result lies in a temporary folder that goes when Python ends: fine to look at, and `save` keeps it.
Give `out` to what takes long, as an interrupted run goes on from there. Functions run in this process (``master="inline"``);
the commands start Spark (``local[*]``). All other defaults are those of the commands.
"""

from __future__ import annotations

import atexit
import inspect
import shutil
import tempfile
from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from landuse.errors import UsageError
from landuse.options.results import (
    AuditApplyOptions,
    AuditOptions,
    DesignOptions,
    DiffOptions,
    EstimateOptions,
    EvaluateOptions,
    ExportOptions,
    FindOptions,
    PacketOptions,
    PageOptions,
    ReportOptions,
)
from landuse.options.schema import Options, flag_of
from landuse.options.survey import ClassifyOptions, SurveyOptions, TileOptions
from landuse.options.training import TrainingOptions
from landuse.results import Change, Chips, Evaluation, LandUse, Model, Page, Tables, draw

if TYPE_CHECKING:
    import pandas
    import pyspark.sql

    from landuse.engine.checkup import Finding


Address = str | PathLike[str]
F = TypeVar("F", bound=Callable[..., Any])
RAISES = "Raises:\n    LanduseError: in one of its kinds, with one sentence that says what is wrong."


def keywords(schema: type[Options]) -> Callable[[F], F]:
    """Give a function the fields of a schema as keyword arguments, for `help` and for completion."""

    def decorate(function: F) -> F:
        """The function with the keywords in its signature."""
        own = [
            p for p in inspect.signature(function, eval_str=False).parameters.values() if p.kind is not p.VAR_KEYWORD
        ]
        fields = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.annotation)
            for name, field in schema.model_fields.items()
            if all(name != p.name for p in own)
        ]
        function.__signature__ = inspect.Signature([*own, *fields])  # type: ignore[attr-defined]  # what inspect reads
        lines = [f"    {name}: {flag_of(schema, name).help}" for name in schema.model_fields]
        function.__doc__ = "\n".join([inspect.cleandoc(function.__doc__ or ""), "", RAISES, "", "Options:", *lines])
        return function

    return decorate


@keywords(TileOptions)
def tile(*sources: Address, out: Address | None = None, **options: Any) -> Chips:  # noqa: ANN401
    """Cut a survey into chips, with labels if there are any.

    Args:
        sources: the survey's rasters as files, folders, globs, VSI or s3:// addresses.
    """
    from landuse.stages.tile import tile as stage

    target = target_of(out, "chips")
    stage([name_or_path(source) for source in sources], target, TileOptions(**options))
    return Chips(target)


@keywords(TrainingOptions)
def train(
    data: Address | pandas.DataFrame | pyspark.sql.DataFrame | list[Address],
    out: Address | None = None,
    **options: Any,  # noqa: ANN401
) -> Model:
    """Learn a model from labelled data.

    Args:
        data: chips with labels; a folder of class folders or of annotations; a table; several of these in a list; or a data
            frame of pandas or Spark with the columns of a table: `path` or `chip_id`, `label` or `labels`, and perhaps `weight`
            and `split`. Paths in a data frame are relative to `root`, or else to the current folder.
        out: the ``.landuse`` file to write; see `landuse.api` for none.
    """
    given = TrainingOptions(**options)
    target = Path(out) if out is not None else temporary_folder() / "model.landuse"
    if not isinstance(data, str | PathLike | list | tuple):
        data = _table_of(data)
        given = given if given.root is not None else given.changed(root=Path.cwd())
    from landuse.stages.tune import run_training

    paths = [path_of(item) for item in (data if isinstance(data, list | tuple) else [data])]
    return Model(target, run_training(paths, target, given).bundle)


def _table_of(frame: Any) -> Path:  # noqa: ANN401  # of pandas or Spark, neither of which is imported for it
    """A data frame as a table on disk. Raises `UsageError` for what is none."""
    if hasattr(frame, "toPandas"):
        frame = frame.toPandas()  # names and paths alone: images stay where they are
    if not hasattr(frame, "to_parquet"):
        raise UsageError(f"Give labelled data as a path or a data frame, not as a {type(frame).__name__}.")
    table = temporary_folder() / "data_frame.parquet"
    try:
        texts = frame.assign(path=frame["path"].map(fspath, na_action="ignore")) if "path" in frame else frame
        texts = texts.copy(deep=False)
        texts.attrs = {}  # what others noted there need not be JSON; Spark Connect's notes are not
        texts.to_parquet(table, index=False)
    except (TypeError, ValueError, NotImplementedError) as error:  # the last two are pyarrow's too
        raise UsageError(f"The data frame is no table of paths and labels: {' '.join(str(error).split())}.") from error
    return table


@keywords(ClassifyOptions)
def classify(*inputs: Address, out: Address | None = None, **options: Any) -> LandUse:  # noqa: ANN401
    """Map the land use of a survey.

    Args:
        inputs: chips, or the survey's rasters as files, folders, globs, VSI or s3:// addresses.
    """
    from landuse.stages.classify import classify as stage

    target = target_of(out, "landuse")
    stage([name_or_path(item) for item in inputs], target, ClassifyOptions(**options))
    return LandUse(target)


@keywords(DiffOptions)
def diff(*maps: Address, out: Address | None = None, **options: Any) -> Change:  # noqa: ANN401
    """Say what changed between maps of the same ground.

    Args:
        maps: land-use maps, or single-band class GeoTIFFs, oldest first.
    """
    from landuse.stages.diff import diff as stage

    target, paths = target_of(out, "change"), tuple(map_paths(maps))
    found = stage(paths, target, DiffOptions(**options))
    return Change(target, found.summary, paths)


@keywords(PageOptions)
def map(*results: Address, out: Address = "map.html", **options: Any) -> Page:  # noqa: ANN401
    """Draw one HTML page of maps and changes, which works without a network."""
    return draw(map_paths(results), out, options)


@keywords(EvaluateOptions)
def evaluate(model: Address, data: Address | None = None, out: Address | None = None, **options: Any) -> Evaluation:  # noqa: ANN401
    """Judge a model on labelled data, or a table of predictions.

    Args:
        model: a model file, the name of one that ships, or a CSV table of predictions.
        data: labelled chips, class folders, annotations or a table; None with a table of predictions.
    """
    from landuse.stages.evaluate import evaluate as stage

    target = target_of(out, "evaluation")
    inputs = [model] if data is None else [model, data]
    found = stage([name_or_path(item) for item in inputs], target, EvaluateOptions(**options))
    return Evaluation(target, found.metrics.as_dict(), found.report)


@keywords(ExportOptions)
def export(model: Address, out: Address, **options: Any) -> Path:  # noqa: ANN401
    """Write a model as a file that other programs run.

    Args:
        model: a model, its file, or the name of one that ships.
        out: the ``.onnx`` or ``.xml`` file, or the folder of a SavedModel.
    """
    from landuse.stages.models import export as stage

    return stage(name_or_path(model), Path(out), ExportOptions(**options))[-1]


def name_or_path(item: Address) -> str | Path:
    """A result as its path; text as it is, for it may be a name, a glob or an address. Raises `UsageError` for a list."""
    if not isinstance(item, str | PathLike):
        raise UsageError(f"Give results or paths, one after the other, not a {type(item).__name__}.")
    return item if isinstance(item, str) else Path(item)


def path_of(item: Address) -> Path:
    """A result or a path as a path. Raises `UsageError` for what is neither."""
    return Path(name_or_path(item))


def map_paths(results: tuple[Address, ...]) -> list[Path]:
    """The paths of results. Raises `UsageError` for what is no path, such as a list."""
    return [path_of(item) for item in results]


def temporary_folder() -> Path:
    """A new folder that is removed when Python ends."""
    folder = Path(tempfile.mkdtemp(prefix="landuse-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def target_of(out: Address | None, name: str) -> Path:
    """Where a result goes: to `out`, or to a temporary folder."""
    return Path(out) if out is not None else temporary_folder() / name


@keywords(SurveyOptions)
def doctor(*sources: Address, others: tuple[Address, ...] = (), **options: Any) -> list[Finding]:  # noqa: ANN401
    """What would make a map wrong, slow or large, before it is made.

    Args:
        sources: the rasters of a survey; none of them looks at this machine instead.
        others: those of a second survey, which is compared with the first.
    """
    from landuse.engine.checkup import check_up
    from landuse.stages.doctor import examine

    if not sources:
        return check_up()
    first, second = ([name_or_path(item) for item in some] for some in (sources, others))
    return examine(first, second, SurveyOptions(**options))


@keywords(ReportOptions)
def report(change: Address, out: Address = "report.html", **options: Any) -> Page:  # noqa: ANN401
    """Write two pages of what changed, to be forwarded."""
    from landuse.stages.pages import report as stage

    stage(path_of(change), Path(out), ReportOptions(**options))
    return Page(Path(out))


@keywords(PacketOptions)
def packet(change: Address, out: Address = "change.zip", **options: Any) -> Path:  # noqa: ANN401
    """Put a comparison with all that belongs to it into one zip."""
    from landuse.stages.pages import packet as stage

    stage(path_of(change), Path(out), PacketOptions(**options))
    return Path(out)


@keywords(FindOptions)
def find(folder: Address, chip_id: str, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """What looks like a chip, or changed like it: `similar.html` has the pictures.

    Args:
        folder: what `classify` wrote, or `diff`: then sites are searched.
        chip_id: the chip.
    """
    from landuse.stages.pages import find as stage

    target = target_of(out, "similar")
    found = stage(path_of(folder), chip_id, target, FindOptions(**options))
    return Tables(target, "similar.csv", f"{len(found.finds) - 1} like {chip_id}")


@keywords(DesignOptions)
def assess_design(change: Address, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """Draw a stratified random sample of a change map, with `label.html`, on which people label it."""
    from landuse.stages.assess import design as stage

    found = stage(path_of(change), target_of(out, "sample"), DesignOptions(**options))
    return Tables(found.out, "strata.csv", f"a sample of {sum(found.units.values()):,} cells")


@keywords(EstimateOptions)
def assess_estimate(sample: Address, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """What a labelled sample says: areas with 95 % intervals, and the accuracy of the change map."""
    from landuse.stages.assess import estimate as stage

    target = target_of(out, "areas")
    found = stage(path_of(sample), target, EstimateOptions(**options))
    overall = found.parts["transition"].found.overall
    right = f"right on {overall.value[0]:.1%} of the land (± {overall.half_width[0]:.1%})"
    return Tables(target, "areas.csv", f"areas from {found.answered:,} answers; the change map is {right}")


@keywords(AuditOptions)
def audit_sites(change: Address, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """Draw the sites that are most worth a look, with `label.html`, on which people say whether they changed."""
    from landuse.stages.audit import audit as stage

    found = stage(path_of(change), target_of(out, "audit"), AuditOptions(**options))
    return Tables(found.out, "audit.csv", f"{found.random + found.chosen:,} of {found.sites:,} sites to look at")


@keywords(AuditApplyOptions)
def audit_apply(answers: Address, change: Address | None = None, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """Rank sites anew by answers, and say how many of them are surely real.

    Args:
        answers: an audit.csv with its column `changed` filled in.
        change: what `diff` wrote, whose other files then go along.
    """
    from landuse.stages.audit import apply as stage

    folder = None if change is None else path_of(change)
    found = stage(path_of(answers), target_of(out, "audited"), AuditApplyOptions(**options), folder)
    return Tables(found.out, "sites.csv", found.sentence.rstrip("."))
