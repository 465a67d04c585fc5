"""`landuse train`, `evaluate`, `quantise`, `export` and `models`: commands on models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landuse.cli.from_schema import QUARANTINED, Sectioned, json_flag, options, out_folder, out_model, print_json
from landuse.options.results import EvaluateOptions, ExportOptions, QuantiseOptions
from landuse.options.training import TrainingOptions
from landuse.text import counted

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle


@click.command(cls=Sectioned, epilog="landuse train chips_2014 --out county.landuse")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_model
@options(TrainingOptions)
@json_flag
def train(data: tuple[Path, ...], out: Path, options: TrainingOptions, as_json: bool) -> None:
    """A model from DATA: folders of labelled chips (landuse tile --labels), or one folder of class folders of images or of
    annotations (VOC), or one table (CSV or Parquet) with the columns path or chip_id, label or labels, and perhaps weight and
    split.

    The backbone stays as it is; a head learns the classes, is calibrated and measured on squares of land that it has not
    seen, and is written with the backbone to one file. From lists of labels comes a model that gives any number of them.
    With --fine-tune layers of the backbone learn on from there.
    """  # noqa: D205
    from landuse.stages.tune import run_training

    found = run_training(data, out, options)
    if as_json:
        bundle = found.bundle
        print_json(
            {"out": out, "classes": bundle.legend.names, "figures": bundle.metrics, "training": bundle.training}
            | {"trials": found.trials}
        )
        return
    if options.layers is not None:
        click.echo(_learnt(found.bundle.training["fine_tuning"], out))
    if found.trials:
        click.echo(_trials(found.trials, options.measure, tuned=bool(options.grid)))
    _tell_training(found.bundle, out)


def _tell_training(bundle: Bundle, out: Path) -> None:

    training: dict[str, Any] = dict(bundle.training)
    figures = bundle.metrics
    samples, classes = counted(training["samples"], "sample"), counted(len(bundle.legend), "class", "classes")
    click.echo(f"{samples} of {classes} -> {out}")
    if figures:
        click.echo(
            f"On {counted(training['held_out'], 'sample')} held back{_how(training)}: {_said(training, figures)}."
        )
    if training["doubtful"]:
        doubtful = counted(training["doubtful"], "sample has", "samples have")
        click.echo(f"{doubtful} a doubtful label, which was not learnt from.")
    if training["skipped"]:
        click.echo(f"{training['skipped_count']:,} skipped, first {training['skipped'][0]}", err=True)
    for name, count in training["ignored_labels"].items():
        click.echo(f"The label {name!r} of {count:,} is no class of legend {bundle.legend.name}.", err=True)


def _trials(trials: Any, measure: str, *, tuned: bool) -> str:  # noqa: ANN401
    best = trials[0]
    if tuned:
        chosen = ", ".join(f"{name} {value}" for name, value in best.setting.items())
        return f"Best of {len(trials)}: {chosen} ({measure} {best.mean(measure):.3f} over folds)."
    figures = (("accuracy", "accuracy"), ("f1", "F1"), ("log_loss", "log loss"))
    said = ", ".join(f"{words} {best.mean(name):.3f} ± {best.spread(name):.3f}" for name, words in figures)
    return f"Over {len(best.scores)} folds: {said}."


def _learnt(report: Any, out: Path) -> str:  # noqa: ANN401

    kept = report["kept"]
    return (
        f"Fine-tuned ({report['layers']}) for {counted(report['epochs_run'], 'epoch')}, kept epoch {kept['epoch']} "
        f"(log loss {kept['val_loss']:.3f}, weighted F1 {kept['val_f1']:.3f} on validation); "
        f"see {out.with_suffix('.history.png')}."
    )


def _said(training: Any, figures: Any) -> str:  # noqa: ANN401
    if not training["multi_label"]:
        return f"accuracy {figures['accuracy']:.3f}"
    return f"F1 {figures['f1'] or 0:.3f}, all labels right in {figures['accuracy']:.1%}"


def _how(training: Any) -> str:  # noqa: ANN401
    parts = training["split"]
    distance = parts["nearest_train_test_m"]
    away = "" if distance is None else f", {distance:,.0f} m from those trained on"
    out = f", {parts['left_out']:,} left out" if parts["left_out"] else ""
    return f" ({parts['kind']}{away}{out})"


@click.command(cls=Sectioned, epilog="landuse evaluate county.landuse chips_2014 --out scores")
@click.argument("inputs", nargs=-1, required=True, metavar="PREDICTIONS.csv | MODEL DATA")
@out_folder
@options(EvaluateOptions)
@json_flag
def evaluate(inputs: tuple[str, ...], out: Path, options: EvaluateOptions, as_json: bool) -> int:
    """How good a table of predictions is (columns label, prediction[, p_<class>...]), or a MODEL on labelled DATA.

    DATA is a folder of labelled chips (landuse tile --labels), one of class folders with images or of annotations, or a
    table with the columns path or chip_id, and label or labels. Writes metrics.json, confusion.csv, report.txt,
    confusion.png, extra.json and run.json to DIR; with probabilities also curves and reliability, for chips and images the
    worst errors. See docs/evaluation.md.
    """
    from landuse.stages.evaluate import evaluate as run

    found = run(inputs, out, options)
    if as_json:
        print_json({"out": out, "skipped": found.skipped, **found.metrics.as_dict()})
    else:
        click.echo(found.report, nl=False)
        click.echo(f"-> {out}")
    if found.skipped:
        click.echo(f"{len(found.skipped):,} left out, first {found.skipped[0]}", err=True)
        return QUARANTINED
    return 0


@click.command(cls=Sectioned, epilog="landuse quantise county.landuse chips_2014 --out small.landuse")
@click.argument("model", metavar="MODEL")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_model
@options(QuantiseOptions)
@json_flag
def quantise(model: str, data: tuple[Path, ...], out: Path, options: QuantiseOptions, as_json: bool) -> None:
    """MODEL with what classify --precision int8 needs, measured on the chips of DATA (folders of landuse tile).

    The model is only written if it gives 99 % of the held-back chips the same label in 8 bits as before.
    """
    from landuse.stages.models import quantise as run

    found = run(model, data, out, options)
    if as_json:
        print_json({"out": out, "agreement": found.agreement, "held_back": found.held_back, "against": found.against})
        return
    click.echo(f"{found.agreement:.2%} of {found.held_back:,} held-back chips keep their label in 8 bits -> {out}")


@click.command(cls=Sectioned, epilog="landuse export county.landuse --out county.onnx")
@click.argument("model", metavar="MODEL")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="What to write: .onnx, .xml, or a SavedModel's folder.",
)
@options(ExportOptions)
def export(model: str, out: Path, options: ExportOptions) -> None:
    """MODEL, a file or the name of one that ships, as a file that other programs run.

    It is the whole classifier, from pixels to calibrated probabilities, with its classes, bands and pixel size. An ONNX file
    works in QGIS with the plugin Deepness.
    """
    from landuse.stages.models import export as run

    for path in run(model, out, options):
        click.echo(f"wrote {path}")


EXAMPLE = """
landuse models
landuse models builtin
"""


@click.command(cls=Sectioned, epilog=EXAMPLE)
@click.argument("model", required=False, metavar="[NAME_OR_FILE]")
@json_flag
def models(model: str | None, as_json: bool) -> None:
    """What models ship and which backbones can be had; with NAME_OR_FILE, the card of one model.

    Only descriptions are read, so it answers at once; a model's weights are checked when they are loaded.
    """
    from landuse.stages.catalogue import (
        backbone_rows,
        backbones,
        describe_model,
        model_lines,
        printable,
        shipped_models,
    )

    if model is not None:
        entry = describe_model(model)
        if as_json:
            print_json(entry)
            return
        _echo_lines(model_lines(entry))
        click.echo(f"\n{printable(entry.card).strip()}")
        return
    if as_json:
        print_json({"models": shipped_models(), "backbones": backbones()})
        return
    for entry in shipped_models():
        click.echo(f"{entry.name} (ships: --model {entry.name})")
        _echo_lines(model_lines(entry), "  ")
        click.echo()
    rows = backbone_rows(backbones())
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(w) if 0 < i < 3 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
    click.echo("\nTrain a head on one of them with landuse train DATA --backbone NAME --out MODEL.landuse.")


def _echo_lines(lines: list[tuple[str, str]], indent: str = "") -> None:
    from landuse.stages.catalogue import printable

    width = max(len(label) for label, _ in lines)
    for label, value in lines:
        click.echo(f"{indent}{printable(label):<{width}}  {printable(value)}".rstrip())
