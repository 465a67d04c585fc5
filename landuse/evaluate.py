"""`evaluate`: how good a model, or a table of predictions, is."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.accuracy.metrics import Metrics, confusion_matrix, metrics
from landuse.accuracy.predictions import Predictions, read_predictions, write_confusion
from landuse.accuracy.report import plot_confusion, report_text
from landuse.bundle import Bundle, find_bundle, read_bundle
from landuse.chips import CHIPS_FILE, ChipSet, read_chips
from landuse.engine.progress import Progress
from landuse.errors import ConfigError, NoOverlapError, UsageError
from landuse.legend import Legend
from landuse.models.runtime import Kind, Precision
from landuse.outputs.folder import check_free, staged_folder
from landuse.outputs.record import FileIdentity, RunRecord, identify, write_record
from landuse.outputs.vectors import WGS84, write_geojson
from landuse.scoring import ScoreSettings, score_chips

METRICS, CONFUSION, REPORT, PICTURE = "metrics.json", "confusion.csv", "report.txt", "confusion.png"
ERRORS = "errors.geojson"


@dataclass(frozen=True)
class EvaluateOptions:
    """What a user may choose; all but `fresh` matter only where a model is run.

    Attributes:
        master: Spark master, or ``inline``.
        runtime: ``openvino`` or ``tensorflow``.
        precision: ``auto``, ``f32`` or ``bf16``.
        max_quarantined: largest share of chips that may fail.
        fresh: replace an earlier result.
    """

    master: str = "inline"
    runtime: Kind = "openvino"
    precision: Precision = "auto"
    max_quarantined: float = 0.01
    fresh: bool = False


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was compared, and what came out.

    Attributes:
        predictions: reference and prediction of every row.
        metrics: the figures.
        out: the folder written.
        skipped: rows that could not be read, each with its cause.
    """

    predictions: Predictions
    metrics: Metrics
    out: Path
    skipped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Judged:
    """Predictions with where they come from; `chips` are those of the rows, where they are places."""

    predictions: Predictions
    inputs: tuple[FileIdentity, ...]
    skipped: tuple[str, ...] = ()
    chips: ChipSet | None = None
    legend: Legend | None = None


def evaluate(inputs: Sequence[str | Path], out: Path, options: EvaluateOptions | None = None) -> Evaluation:
    """Compare predictions with their reference and write the evaluation folder.

    Args:
        inputs: a CSV table with the columns label, prediction and perhaps p_<class>; or a model (file or shipped name) and
            data: a folder of labelled chips, or one of class folders with images.
        out: folder to write.
        options: where and how a model is run.

    Raises:
        UsageError: neither one table nor a model and data.
        ConfigError: the table is none, or model and data have different classes.
        LanduseError: in another of its kinds, where a file cannot be read or written.
    """
    options = options or EvaluateOptions()
    if len(inputs) not in (1, 2):
        raise UsageError("Give a table of predictions, or a model and its labelled data.")
    check_free(out, fresh=options.fresh)
    started = time.perf_counter()
    judged = _of_table(Path(inputs[0])) if len(inputs) == 1 else _of_model(str(inputs[0]), Path(inputs[1]), options)
    rows = judged.predictions
    found = metrics(rows.truth, rows.prediction, rows.names, rows.probabilities)
    with staged_folder(out, fresh=options.fresh) as staging:
        write_evaluation(staging, rows, found)
        if judged.chips is not None:
            _write_errors(staging / ERRORS, rows, judged.chips)
        write_record(staging, _record(judged, options, time.perf_counter() - started))
    return Evaluation(rows, found, out, judged.skipped)


def write_evaluation(folder: Path, rows: Predictions, found: Metrics) -> None:
    """Write the figures, the confusion matrix, the report and the picture."""
    matrix = confusion_matrix(rows.truth, rows.prediction, len(rows.names))
    text = json.dumps(found.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / METRICS).write_text(text + "\n", "utf8")
    write_confusion(folder / CONFUSION, rows.names, matrix)
    (folder / REPORT).write_text(report_text(found), "utf8")
    share = "" if found.accuracy is None else f", {found.accuracy:.1%} right"
    plot_confusion(folder / PICTURE, rows.names, matrix, f"{found.n:,} rows{share}")


def _of_table(path: Path) -> _Judged:
    rows = read_predictions(path)
    return _Judged(rows, (identify(path),))


def _of_model(model: str, data: Path, options: EvaluateOptions) -> _Judged:
    file = find_bundle(model)
    settings = ScoreSettings(
        file, options.master, options.runtime, options.precision, max_quarantined=options.max_quarantined
    )
    bundle = read_bundle(file)
    spatial = data.name == CHIPS_FILE or (data / CHIPS_FILE).is_file()
    return _of_chips(bundle, data, settings) if spatial else _of_folders(bundle, data, settings)


def _of_chips(bundle: Bundle, data: Path, settings: ScoreSettings) -> _Judged:
    """Predictions of the labelled chips of a chip table."""
    table = read_chips(data)
    if table.legend is None or table.labels is None:
        raise UsageError(
            f"The chips of {data} carry no labels; cut them with landuse tile --labels FILE --legend NAME."
        )
    chips = table.subset(table.labels > 0)
    if not len(chips) or chips.labels is None:
        raise NoOverlapError(f"Not one chip of {data} has a label, so there is nothing to compare with.")
    truth = _positions(chips.labels, table.legend, bundle.legend)
    with tempfile.TemporaryDirectory(prefix="landuse-") as parts, Progress(len(chips), "chips") as progress:
        scores = score_chips(chips, settings, Path(parts), progress)
    read = np.asarray(np.isfinite(scores.probabilities).all(axis=1), np.bool_)
    return _Judged(
        _rows(bundle, truth[read], scores.probabilities[read]),
        (*scores.inputs, identify(settings.model)),
        tuple(f"{q.chip_id}: {q.cause}" for q in scores.quarantined),
        chips.subset(read),
        bundle.legend,
    )


def _of_folders(bundle: Bundle, data: Path, settings: ScoreSettings) -> _Judged:
    """Predictions of the images of class folders whose names are classes of the model."""
    from landuse.training.samples import SampleSettings, read_samples

    with tempfile.TemporaryDirectory(prefix="landuse-") as parts:
        samples = read_samples([data], SampleSettings(settings, bundle.legend, 0.0, Path(parts)))
    truth = _positions(samples.labels, samples.legend, bundle.legend)
    rows = _rows(bundle, truth, bundle.head.apply(samples.features))
    return _Judged(rows, (identify(settings.model),), samples.skipped, legend=bundle.legend)


def _rows(bundle: Bundle, truth: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]) -> Predictions:
    exact = np.asarray(probabilities, np.float64)
    return Predictions(bundle.legend.names, truth, exact.argmax(axis=1).astype(np.int64), exact)


def _positions(labels: npt.NDArray[np.uint8], legend: Legend, known: Legend) -> npt.NDArray[np.int64]:
    """Positions of label codes in the model's legend, by class name."""
    table = np.full(256, -1, np.int64)
    for c in legend.classes:
        table[c.code] = known.names.index(c.name) if c.name in known.names else -1
    strange = np.unique(labels[table[labels] < 0]).tolist()
    if strange:
        raise ConfigError(
            f"The data have the class {legend.name_of(strange[0])!r}, which the model does not know; "
            f"it knows {', '.join(known.names)}."
        )
    return table[labels]


def _write_errors(path: Path, rows: Predictions, chips: ChipSet) -> None:
    """Write the chips whose class is wrong, with label, prediction and confidence."""
    import geopandas

    wrong = np.flatnonzero(rows.truth != rows.prediction)
    where = chips.take(wrong)
    confidence = None if rows.probabilities is None else rows.probabilities[wrong, rows.prediction[wrong]]
    names = np.array(rows.names, dtype=object)
    columns = {
        "chip_id": where.ids,
        "label": names[rows.truth[wrong]],
        "prediction": names[rows.prediction[wrong]],
        "confidence": confidence,
    }
    polygons = chips.grid.polygons(where.rows, where.cols)
    frame = geopandas.GeoDataFrame(columns, geometry=polygons, crs=chips.grid.crs.to_wkt())
    write_geojson(frame.to_crs(WGS84), path)


def _record(judged: _Judged, options: EvaluateOptions, seconds: float) -> RunRecord:
    return RunRecord(
        command="evaluate",
        options=asdict(options),
        inputs=judged.inputs,
        grid=None if judged.chips is None else judged.chips.grid.as_dict(),
        legend=None if judged.legend is None else judged.legend.model_dump(mode="json"),
        counts={"rows": len(judged.predictions.truth), "skipped": len(judged.skipped)},
        timings={"seconds": seconds},
        details={"skipped": list(judged.skipped[:1000])},
    )
