"""`landuse train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landuse.cli.from_schema import Sectioned, json_flag, options, out_model, print_json
from landuse.options.training import TrainingOptions

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
    _tell(found.bundle, out)


def _tell(bundle: Bundle, out: Path) -> None:
    from landuse.text import counted

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
    from landuse.text import counted

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
