"""`landuse train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landuse.cli import options as shared
from landuse.cli import train_options as given

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle

FOLDS = 5


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Model file to write (.landuse)."
)
@given.backbone
@given.samples
@given.holding_back
@given.head
@given.weighing
@given.tuning
@given.fine_tuning
@click.option("--cache/--no-cache", default=True, show_default=True, help="Keep features, and use those kept.")
@shared.master
@shared.parts
@shared.seed
@click.option("--fresh", is_flag=True, help="Replace an existing model file.")
def train(data: tuple[Path, ...], out: Path, **choices: Any) -> None:  # noqa: ANN401
    """A model from DATA: folders of labelled chips (landuse tile --labels), or one folder of class folders of images or of
    annotations (VOC), or one table (CSV or Parquet) with the columns path or chip_id, label or labels, and perhaps weight and
    split.

    The backbone stays as it is; a head learns the classes, is calibrated and measured on squares of land that it has not
    seen, and is written with the backbone to one file. From lists of labels comes a model that gives any number of them.
    With --fine-tune layers of the backbone learn on from there.
    """  # noqa: D205
    from landuse.errors import UsageError
    from landuse.stages.train import train as run
    from landuse.training.options import TrainOptions

    grid = dict(choices.pop("grid"))
    search = {name: choices.pop(name) for name in ("folds", "draws", "measure")}
    validate, search["folds"] = search["folds"] is not None, search["folds"] or FOLDS
    tuning = {field: choices.pop(name) for name, field in given.FINE_TUNING.items()}
    options = TrainOptions(**choices | {"class_weights": dict(choices["class_weights"])})
    if tuning["layers"] is not None:
        if grid or validate:
            raise UsageError("--fine-tune trains one setting: leave --tune and --folds out.")
        from landuse.stages.finetune import fine_tune
        from landuse.training.finetune.options import FineTuneOptions, parse_layers

        how = FineTuneOptions(**tuning | {"layers": parse_layers(tuning["layers"])})
        bundle = fine_tune(data, out, options, how)
        click.echo(_learnt(bundle.training["fine_tuning"], out))
    elif grid or validate:
        from landuse.stages.tune import TuneOptions, tune

        found = tune(data, out, options, TuneOptions(grid, **search))
        bundle = found.bundle
        click.echo(_trials(found.trials, search["measure"], tuned=bool(grid)))
    else:
        bundle = run(data, out, options)
    _tell(bundle, out)


def _tell(bundle: Bundle, out: Path) -> None:
    """Say what was learnt from, how good the model is, and what was left out."""
    from landuse.words import counted

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
    """What cross-validation found: the best setting, or how the one did."""
    best = trials[0]
    if tuned:
        chosen = ", ".join(f"{name} {value}" for name, value in best.setting.items())
        return f"Best of {len(trials)}: {chosen} ({measure} {best.mean(measure):.3f} over folds)."
    figures = (("accuracy", "accuracy"), ("f1", "F1"), ("log_loss", "log loss"))
    said = ", ".join(f"{words} {best.mean(name):.3f} ± {best.spread(name):.3f}" for name, words in figures)
    return f"Over {len(best.scores)} folds: {said}."


def _learnt(report: Any, out: Path) -> str:  # noqa: ANN401
    """What fine-tuning gave, in a line."""
    from landuse.words import counted

    kept = report["kept"]
    return (
        f"Fine-tuned ({report['layers']}) for {counted(report['epochs_run'], 'epoch')}, kept epoch {kept['epoch']} "
        f"(log loss {kept['val_loss']:.3f}, weighted F1 {kept['val_f1']:.3f} on validation); "
        f"see {out.with_suffix('.history.png')}."
    )


def _said(training: Any, figures: Any) -> str:  # noqa: ANN401
    """The figures in a few words."""
    if not training["multi_label"]:
        return f"accuracy {figures['accuracy']:.3f}"
    return f"F1 {figures['f1'] or 0:.3f}, all labels right in {figures['accuracy']:.1%}"


def _how(training: Any) -> str:  # noqa: ANN401
    """How the split was made, in brackets."""
    parts = training["split"]
    distance = parts["nearest_train_test_m"]
    away = "" if distance is None else f", {distance:,.0f} m from those trained on"
    out = f", {parts['left_out']:,} left out" if parts["left_out"] else ""
    return f" ({parts['kind']}{away}{out})"
