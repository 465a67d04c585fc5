"""`evaluate`: how good a model, or a table of predictions, is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landuse.engine.parts import own_address
from landuse.engine.progress import busy
from landuse.errors import UsageError
from landuse.evaluation.bootstrap import bootstrap
from landuse.evaluation.extra import extra_figures, reliability_of
from landuse.evaluation.metrics import Metrics
from landuse.evaluation.plots import plot_binary, plot_confusion, plot_curves, plot_reliability
from landuse.evaluation.predictions import Judged, Predictions, group_positions, members_of, regrouped
from landuse.evaluation.report import ReportParts, report_text, write_binary, write_confusion, write_curves
from landuse.evaluation.table import read_predictions
from landuse.judging import Case, caution, judge, learnt_figures, write_worst
from landuse.legend import Legend, load_legend
from landuse.models.bundle import SUFFIX, find_bundle, read_bundle, shipped_bundles
from landuse.options.results import EvaluateOptions
from landuse.outputs.folder import claimed_folder, staged_folder
from landuse.outputs.record import RunRecord, identify, write_record
from landuse.outputs.tables import write_json
from landuse.scoring import ScoreSettings
from landuse.text import counted

METRICS, REPORT = "metrics.json", "report.txt"
EXTRA, GROUPS, BOOTSTRAP = "extra.json", "groups.json", "bootstrap.json"
CURVES, CURVES_PICTURE, RELIABILITY = "curves.csv", "curves.png", "reliability.png"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was compared, and what came out.

    Attributes:
        report: content of `report.txt`.
    """

    predictions: Judged
    metrics: Metrics
    report: str
    out: Path
    skipped: tuple[str, ...]


def evaluate(inputs: Sequence[str | Path], out: Path, options: EvaluateOptions | None = None) -> Evaluation:
    """Compare predictions with their reference and write the evaluation folder.

    Args:
        inputs: a CSV table with the columns label, prediction and perhaps p_<class>; or a model (file or shipped name) and
            data: a folder of labelled chips, or one of class folders with images, or a table of images or of chips.

    Raises:
        UsageError: neither one table nor a model and data, or options that do not fit them.
        ConfigError: the table is none, or model and data have different classes.
    """
    options = options or EvaluateOptions()
    _check(inputs, options)
    with claimed_folder(out, fresh=options.fresh) as target:
        return _evaluate(inputs, target, options)


def _evaluate(inputs: Sequence[str | Path], out: Path, options: EvaluateOptions) -> Evaluation:
    started = time.perf_counter()
    case = _of_table(Path(inputs[0]), options) if len(inputs) == 1 else _of_model(inputs, out, options)
    with staged_folder(out, fresh=options.fresh) as staging:
        with busy("working out figures and pictures"):
            report = write_evaluation(staging, case, options)
        write_record(staging, _record(case, options, time.perf_counter() - started))
    return Evaluation(case.rows, case.rows.figures(), report, out, case.skipped)


def write_evaluation(folder: Path, case: Case, options: EvaluateOptions) -> str:
    """Write all files but `run.json`; returns the text of the report."""
    rows = case.rows
    found, extra = rows.figures(), extra_figures(rows) | learnt_figures(case)
    write_json(folder / METRICS, found.as_dict())
    write_json(folder / EXTRA, extra)
    _write_matrix(folder, "confusion", rows)
    if rows.probabilities is not None:
        write_curves(folder / CURVES, rows)
        plot_curves(folder / CURVES_PICTURE, rows)
        multi = not isinstance(rows, Predictions)
        plot_reliability(folder / RELIABILITY, reliability_of(rows), found.ece, multi=multi)
    coarse = _write_groups(folder, case, options) if options.regroup is not None else None
    intervals = bootstrap(rows, options.bootstrap, options.seed, case.unit) if options.bootstrap else None
    if intervals is not None:
        write_json(folder / BOOTSTRAP, intervals.as_dict())
    write_worst(folder, case)
    text = report_text(found, ReportParts(extra, coarse, intervals, len(case.skipped), caution(case)))
    (folder / REPORT).write_text(text, "utf8")
    return text


def _check(inputs: Sequence[str | Path], options: EvaluateOptions) -> None:
    if len(inputs) == 1 and (str(inputs[0]) in shipped_bundles() or str(inputs[0]).endswith(SUFFIX)):
        raise UsageError(
            f"{inputs[0]} is a model: give the labelled data to judge it on too, as landuse evaluate MODEL DATA --out DIR."
        )
    if len(inputs) not in (1, 2):
        raise UsageError("Give a table of predictions, or a model and its labelled data.")
    if len(inputs) == 2 and (options.thresholds or options.multi_label is not None):
        raise UsageError("--threshold and --multi-label are for tables of predictions; a model has its own way.")
    if len(inputs) == 1 and options.regroup is not None and options.legend is None:
        raise UsageError("--regroup needs to know what group each class of the table belongs to; give --legend NAME.")


def _of_table(path: Path, options: EvaluateOptions) -> Case:
    rows = read_predictions(path, options)
    legend = None if options.legend is None else load_legend(options.legend)
    return Case(rows, (identify(path),), "row" if options.group_by is None else f"values of {options.group_by}", legend)


def _of_model(inputs: Sequence[str | Path], out: Path, options: EvaluateOptions) -> Case:
    file, data = find_bundle(str(inputs[0])), Path(inputs[1])
    settings = ScoreSettings(
        file,
        options.master,
        options.runtime,
        options.precision,
        max_quarantined=options.max_quarantined,
        parts=None if options.parts is None else own_address(options.parts, out),
    )
    bundle = read_bundle(file)
    if options.regroup is not None:  # before the hours that the model may take
        legend = bundle.legend if options.legend is None else load_legend(options.legend)
        group_positions(bundle.legend.names, legend, load_legend(options.regroup))
    return judge(bundle, data, settings, options.group_by, options.root)


def _write_groups(folder: Path, case: Case, options: EvaluateOptions) -> Metrics:
    """Write the figures in coarser classes beside those of the classes; returns the former."""
    groups = load_legend(str(options.regroup))
    legend = _legend_of(case, options)
    coarse = regrouped(case.rows, legend, groups)
    figures = coarse.figures()
    content = {
        "classes": case.rows.figures().as_dict(),
        "groups": figures.as_dict(),
        "members": members_of(case.rows.names, legend, groups),
    }
    write_json(folder / GROUPS, content)
    _write_matrix(folder, "confusion_groups", coarse)
    return figures


def _legend_of(case: Case, options: EvaluateOptions) -> Legend:
    legend = load_legend(options.legend) if options.legend is not None else case.legend
    if legend is None:
        raise UsageError("--regroup needs a legend of the classes; give --legend NAME.")
    return legend


def _write_matrix(folder: Path, stem: str, rows: Judged) -> None:
    """Write a confusion matrix as a table and as a picture; with several labels one of 2 x 2 a class."""
    table, picture, accuracy = folder / f"{stem}.csv", folder / f"{stem}.png", rows.figures().accuracy
    wholly = "" if isinstance(rows, Predictions) else " in all labels"
    share = "" if accuracy is None else f", {accuracy:.1%} right{wholly}"
    title = f"{counted(len(rows), 'row')}{share}"
    if isinstance(rows, Predictions):
        write_confusion(table, rows.names, rows.matrix())
        plot_confusion(picture, rows.names, rows.matrix(), title)
    else:
        write_binary(table, rows.names, rows.binary())
        plot_binary(picture, rows.names, rows.binary(), title)


def _record(case: Case, options: EvaluateOptions, seconds: float) -> RunRecord:
    return RunRecord(
        command="evaluate",
        options=options.as_json(),
        inputs=case.inputs,
        grid=None if case.chips is None else case.chips.grid.as_dict(),
        legend=None if case.legend is None else case.legend.model_dump(mode="json"),
        counts={"rows": len(case.rows), "skipped": len(case.skipped)},
        timings={"seconds": seconds},
        details={"skipped": list(case.skipped[:1000])} | learnt_figures(case),
    )
