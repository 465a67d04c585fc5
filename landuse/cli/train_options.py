"""The options of `landuse train`, in the order of `--help`."""

from __future__ import annotations

from pathlib import Path

import click

from landuse.cli.options import together
from landuse.cli.values import Layers, NamedNumber, Values

backbone = together(
    click.option(
        "--backbone",
        default="builtin",
        show_default=True,
        metavar="NAME_OR_FILE",
        help="Network that makes the features.",
    ),
    click.option(
        "--weights",
        default=None,
        metavar="imagenet|random|FILE",
        help="Weights of a named backbone; a model, .keras or .onnx file or a SavedModel brings its own.",
    ),
    click.option(
        "--preprocess",
        type=click.Choice(["caffe", "tf", "torch", "none"]),
        default=None,
        help="How images are prepared for a .keras, .onnx or SavedModel backbone, which does not say it.",
    ),
    click.option("--input-px", type=click.IntRange(8, 1024), default=None, help="Pixels of such a backbone's input."),
    click.option(
        "--feature-layer", default=None, metavar="NAME", help="Layer of such a backbone that makes the features."
    ),
)
"""What makes the features."""

samples = together(
    click.option(
        "--legend",
        default=None,
        metavar="NAME_OR_FILE",
        help="Classes for images and tables; their own labels otherwise.",
    ),
    click.option(
        "--min-purity",
        type=click.FloatRange(0, 1),
        default=0.0,
        show_default=True,
        help="Least share of a chip under its label.",
    ),
    click.option(
        "--root",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        help="Folder of a table's paths or chips; the table's own otherwise. No path may leave it.",
    ),
    click.option("--soft-labels", is_flag=True, help="Learn the area shares of mixed chips, not their labels alone."),
)
"""What is learnt from."""

holding_back = together(
    click.option(
        "--holdout",
        type=click.FloatRange(0, 0.5),
        default=0.2,
        show_default=True,
        help="Share of the samples held back to calibrate and to measure.",
    ),
    click.option(
        "--block-m",
        type=click.FloatRange(0, min_open=True),
        default=None,
        metavar="METRES",
        help="Side of the squares of land that are held back as one.  [default: eight chips]",
    ),
    click.option(
        "--buffer-m",
        type=click.FloatRange(0),
        default=0.0,
        show_default=True,
        metavar="METRES",
        help="Leave out of training what lies nearer than this to land held back.",
    ),
    click.option(
        "--group-by", default=None, metavar="COLUMN", help="Hold back whole groups of this column (a county)."
    ),
)
"""What is kept to calibrate and to measure."""

head = together(
    click.option(
        "--head",
        type=click.Choice(["logistic", "dense", "forest"]),
        default="logistic",
        show_default=True,
        help="What learns the classes from the features. A forest is fitted by Spark.",
    ),
    click.option(
        "--fit-with",
        type=click.Choice(["driver", "spark"]),
        default="driver",
        show_default=True,
        help="What fits a logistic head: this process, or Spark MLlib; the results are the same.",
    ),
    click.option(
        "--regularisation",
        type=click.FloatRange(0, min_open=True),
        default=0.03,
        show_default=True,
        help="Inverse strength of a logistic head's penalty (scikit-learn's C): smaller is smoother.",
    ),
    click.option(
        "--reg-param",
        type=click.FloatRange(0),
        default=None,
        help="Its strength as Spark's regParam, instead: larger is smoother.",
    ),
    click.option(
        "--elastic-net",
        type=click.FloatRange(0, 1),
        default=0.0,
        show_default=True,
        help="Share of the L1 norm in the penalty (Spark's elasticNetParam).",
    ),
    click.option(
        "--max-iter",
        type=click.IntRange(1),
        default=None,
        help="Most steps of a logistic head's solver, or epochs of a dense head.  [default: 1000, 200]",
    ),
    click.option(
        "--hidden", type=Layers(), default="256", show_default=True, help="Units of a dense head's hidden layers."
    ),
    click.option(
        "--dropout",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.3,
        show_default=True,
        help="Share of those units left out at random while fitting.",
    ),
    click.option("--trees", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Trees of a forest."),
    click.option("--depth", type=click.IntRange(1, 30), default=10, show_default=True, help="Most steps in a tree."),
)
"""What learns the classes, and how."""

weighing = together(
    click.option(
        "--balance",
        type=click.Choice(["weights", "downsample", "none"]),
        default="weights",
        show_default=True,
        help="Every class weighs the same; or has as many samples as the rarest; or as they come.",
    ),
    click.option(
        "--class-weight",
        "class_weights",
        type=NamedNumber(),
        multiple=True,
        help="Factor for a class by its name; may be given several times.",
    ),
    click.option(
        "--doubt-odds",
        type=click.FloatRange(1, min_open=True),
        default=None,
        help="Leave out samples whose label is this many times less likely than another class, as heads without them judge.",
    ),
)
"""What a sample counts."""

tuning = together(
    click.option(
        "--tune",
        "grid",
        type=Values(),
        multiple=True,
        help="Try these values of an option (backbone, head, regularisation, balance, ...) and keep the best; may be repeated.",
    ),
    click.option(
        "--folds",
        type=click.IntRange(2),
        default=None,
        help="Folds by which values are compared (5); without --tune, report how the model does on so many folds.",
    ),
    click.option(
        "--draws",
        type=click.IntRange(1),
        default=None,
        help="Try so many combinations, drawn at random; all otherwise.",
    ),
    click.option(
        "--measure",
        type=click.Choice(["accuracy", "f1", "log_loss"]),
        default="accuracy",
        show_default=True,
        help="What the best combination is best in.",
    ),
)
"""What is tried and compared."""

fine_tuning = together(
    click.option(
        "--fine-tune",
        default=None,
        metavar="last-block|all|N-layers",
        help="Let these layers of the backbone learn on: the last block, all, or N from the top.",
    ),
    click.option("--train-batch-norm", is_flag=True, help="Fine-tuning: batch norms learn too."),
    click.option(
        "--epochs", type=click.IntRange(1), default=20, show_default=True, help="Fine-tuning: at most so many."
    ),
    click.option(
        "--batch", type=click.IntRange(1), default=32, show_default=True, help="Fine-tuning: images of a step."
    ),
    click.option(
        "--learning-rate",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=3e-4,
        show_default=True,
        help="Fine-tuning: at its height, after the warm-up; it falls to 0 along a cosine.",
    ),
    click.option(
        "--patience",
        type=click.IntRange(1),
        default=5,
        show_default=True,
        help="Fine-tuning: stop after so many epochs without a better validation loss.",
    ),
    click.option(
        "--augment/--no-augment",
        default=True,
        show_default=True,
        help="Fine-tuning: turn, mirror, scale and light each image anew in each epoch.",
    ),
    click.option(
        "--fine-precision",
        type=click.Choice(["auto", "f32", "bf16"]),
        default="auto",
        show_default=True,
        help="Fine-tuning: arithmetic; auto takes bf16 where the processor or the GPU has it.",
    ),
)
"""`--fine-tune` and what says how."""

FINE_TUNING = {
    "fine_tune": "layers",
    "train_batch_norm": "train_batch_norm",
    "epochs": "epochs",
    "batch": "batch",
    "learning_rate": "learning_rate",
    "patience": "patience",
    "augment": "augment",
    "fine_precision": "precision",
}
"""What `FineTuneOptions` calls the options of `fine_tuning`."""
