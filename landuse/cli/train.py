"""`landuse train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landuse.cli import options as shared

FOLDS = 5


class NamedNumber(click.ParamType[tuple[str, float]]):
    """A class name and a number, such as ``Water=2.0``."""

    name = "NAME=NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:  # noqa: ANN401
        """Parse the text; a pair passes through."""
        if isinstance(value, tuple):
            return value
        name, sign, number = str(value).rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not (sign and name and 0 <= weight < float("inf")):
            self.fail(f"{value!r} is no class with a weight; write it like Water=2.0.", param, ctx)
        return name, weight


class Layers(click.ParamType[tuple[int, ...]]):
    """Units of hidden layers, such as ``256`` or ``256,64``."""

    name = "UNITS,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: ANN401
        """Parse the text; a tuple passes through."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of layers; write it like 256 or 256,64.", param, ctx)


Choices = tuple[str, tuple[Any, ...]]


class Values(click.ParamType[Choices]):
    """An option and the values to try, such as ``regularisation=0.01,0.1,1``."""

    name = "OPTION=VALUE,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Choices:  # noqa: ANN401
        """Parse the text, each value as its option would; a pair passes through."""
        if isinstance(value, tuple):
            return value
        name, sign, text = str(value).partition("=")
        values = tuple(part.strip() for part in text.split(",") if part.strip())
        if not (sign and values):
            self.fail(f"{value!r} is no option with values; write it like regularisation=0.01,0.1.", param, ctx)
        known = next((p for p in train.params if p.name == name.replace("-", "_")), None)
        if known is None:
            self.fail(f"{name!r} is no option of train.", param, ctx)
        return name.replace("-", "_"), tuple(known.type.convert(v, known, ctx) for v in values)


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Model file to write (.landuse)."
)
@click.option(
    "--backbone", default="builtin", show_default=True, metavar="NAME_OR_FILE", help="Network that makes the features."
)
@click.option(
    "--weights",
    default=None,
    metavar="imagenet|random|FILE",
    help="Weights of a named backbone; a model, .keras or .onnx file or a SavedModel brings its own.",
)
@click.option(
    "--preprocess",
    type=click.Choice(["caffe", "tf", "torch", "none"]),
    default=None,
    help="How images are prepared for a .keras, .onnx or SavedModel backbone, which does not say it.",
)
@click.option("--input-px", type=click.IntRange(8, 1024), default=None, help="Pixels of such a backbone's input.")
@click.option("--feature-layer", default=None, metavar="NAME", help="Layer of such a backbone that makes the features.")
@click.option(
    "--legend", default=None, metavar="NAME_OR_FILE", help="Classes for images and tables; their own labels otherwise."
)
@click.option(
    "--min-purity",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Least share of a chip under its label.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of a table's paths or chips; the table's own otherwise. No path may leave it.",
)
@click.option("--soft-labels", is_flag=True, help="Learn the area shares of mixed chips, not their labels alone.")
@click.option(
    "--holdout",
    type=click.FloatRange(0, 0.5),
    default=0.2,
    show_default=True,
    help="Share of the samples held back to calibrate and to measure.",
)
@click.option(
    "--block-m",
    type=click.FloatRange(0, min_open=True),
    default=None,
    metavar="METRES",
    help="Side of the squares of land that are held back as one.  [default: eight chips]",
)
@click.option(
    "--buffer-m",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    metavar="METRES",
    help="Leave out of training what lies nearer than this to land held back.",
)
@click.option("--group-by", default=None, metavar="COLUMN", help="Hold back whole groups of this column (a county).")
@click.option(
    "--head",
    type=click.Choice(["logistic", "dense", "forest"]),
    default="logistic",
    show_default=True,
    help="What learns the classes from the features. A forest is fitted by Spark.",
)
@click.option(
    "--fit-with",
    type=click.Choice(["driver", "spark"]),
    default="driver",
    show_default=True,
    help="What fits a logistic head: this process, or Spark MLlib; the results are the same.",
)
@click.option(
    "--regularisation",
    type=click.FloatRange(0, min_open=True),
    default=0.03,
    show_default=True,
    help="Inverse strength of a logistic head's penalty (scikit-learn's C): smaller is smoother.",
)
@click.option(
    "--reg-param",
    type=click.FloatRange(0),
    default=None,
    help="Its strength as Spark's regParam, instead: larger is smoother.",
)
@click.option(
    "--elastic-net",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the L1 norm in the penalty (Spark's elasticNetParam).",
)
@click.option(
    "--max-iter",
    type=click.IntRange(1),
    default=None,
    help="Most steps of a logistic head's solver, or epochs of a dense head.  [default: 1000, 200]",
)
@click.option(
    "--hidden", type=Layers(), default="256", show_default=True, help="Units of a dense head's hidden layers."
)
@click.option(
    "--dropout",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.3,
    show_default=True,
    help="Share of those units left out at random while fitting.",
)
@click.option("--trees", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Trees of a forest.")
@click.option("--depth", type=click.IntRange(1, 30), default=10, show_default=True, help="Most steps in a tree.")
@click.option(
    "--balance",
    type=click.Choice(["weights", "downsample", "none"]),
    default="weights",
    show_default=True,
    help="Every class weighs the same; or has as many samples as the rarest; or as they come.",
)
@click.option(
    "--class-weight",
    "class_weights",
    type=NamedNumber(),
    multiple=True,
    help="Factor for a class by its name; may be given several times.",
)
@click.option(
    "--doubt-odds",
    type=click.FloatRange(1, min_open=True),
    default=None,
    help="Leave out samples whose label is this many times less likely than another class, as heads without them judge.",
)
@click.option(
    "--tune",
    "grid",
    type=Values(),
    multiple=True,
    help="Try these values of an option (backbone, head, regularisation, balance, ...) and keep the best; may be repeated.",
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    default=None,
    help="Folds by which values are compared (5); without --tune, report how the model does on so many folds.",
)
@click.option(
    "--draws", type=click.IntRange(1), default=None, help="Try so many combinations, drawn at random; all otherwise."
)
@click.option(
    "--measure",
    type=click.Choice(["accuracy", "f1", "log_loss"]),
    default="accuracy",
    show_default=True,
    help="What the best combination is best in.",
)
@shared.fine_tuning
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
    from landuse.train import TrainOptions
    from landuse.train import train as run

    grid = dict(choices.pop("grid"))
    search = {name: choices.pop(name) for name in ("folds", "draws", "measure")}
    validate, search["folds"] = search["folds"] is not None, search["folds"] or FOLDS
    tuning = {field: choices.pop(name) for name, field in shared.FINE_TUNING.items()}
    options = TrainOptions(**choices | {"class_weights": dict(choices["class_weights"])})
    if tuning["layers"] is not None:
        if grid or validate:
            raise UsageError("--fine-tune trains one setting: leave --tune and --folds out.")
        from landuse.finetune.options import FineTuneOptions, parse_layers
        from landuse.finetune.stage import fine_tune

        how = FineTuneOptions(**tuning | {"layers": parse_layers(tuning["layers"])})
        bundle = fine_tune(data, out, options, how)
        click.echo(_learnt(bundle.training["fine_tuning"], out))
    elif grid or validate:
        from landuse.tune import TuneOptions, tune

        found = tune(data, out, options, TuneOptions(grid, **search))
        bundle = found.bundle
        click.echo(_trials(found.trials, search["measure"], tuned=bool(grid)))
    else:
        bundle = run(data, out, options)
    training: dict[str, Any] = dict(bundle.training)
    figures = bundle.metrics
    click.echo(f"{training['samples']:,} samples of {len(bundle.legend)} classes -> {out}")
    if figures:
        click.echo(f"On {training['held_out']:,} samples held back{_how(training)}: {_said(training, figures)}.")
    if training["doubtful"]:
        click.echo(f"{training['doubtful']:,} samples have a doubtful label and were not learnt from.")
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
    kept = report["kept"]
    return (
        f"Fine-tuned ({report['layers']}) for {report['epochs_run']} epochs, kept epoch {kept['epoch']} (log loss "
        f"{kept['val_loss']:.3f}, weighted F1 {kept['val_f1']:.3f} on validation); see {out.with_suffix('.history.png')}."
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
