"""Options of `train`: what learns, from what, what is held back, and what is tried."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from landuse.errors import UsageError
from landuse.options.schema import INLINE, Flag, Fresh, NameOrFile, Options, Parts, Place, Seed

HeadKind = Literal["logistic", "dense", "forest"]
FitWith = Literal["driver", "spark"]
Balance = Literal["weights", "downsample", "none"]
Measure = Literal["accuracy", "f1", "log_loss"]
LAST_BLOCK: Literal["last-block"] = "last-block"
ALL: Literal["all"] = "all"
FOLDS = 5


class BackboneOptions(Options):
    """What makes the features. The last three are for backbones whose files do not say it."""

    section: ClassVar[str] = "Backbone"

    backbone: Annotated[NameOrFile, Flag("Network that makes the features.", metavar="NAME_OR_FILE")] = "builtin"
    weights: Annotated[
        NameOrFile | None,
        Flag(
            "Weights of a named backbone; a model, .keras or .onnx file or a SavedModel brings its own.",
            metavar="imagenet|random|FILE",
        ),
    ] = None
    preprocess: Annotated[
        Literal["caffe", "tf", "torch", "none"] | None,
        Flag("How images are prepared for a .keras, .onnx or SavedModel backbone, which does not say it."),
    ] = None
    input_px: Annotated[int | None, Field(ge=8, le=1024), Flag("Pixels of such a backbone's input.")] = None
    feature_layer: Annotated[str | None, Flag("Layer of such a backbone that makes the features.", metavar="NAME")] = (
        None
    )


class SampleOptions(Options):
    """What is learnt from."""

    section: ClassVar[str] = "Samples"

    legend: Annotated[
        NameOrFile | None,
        Flag("Classes for images and tables; their own labels otherwise.", metavar="NAME_OR_FILE"),
    ] = None
    min_purity: Annotated[float, Field(ge=0, le=1), Flag("Least share of a chip under its label.")] = 0.0
    root: Annotated[
        Path | None,
        Flag("Folder of a table's paths or chips; the table's own otherwise. No path may leave it.", path="folder"),
    ] = None
    band_names: Annotated[
        tuple[str, ...],
        Flag(
            "Names of the chips' bands, in order.  [default: as the files declare, else red,green,blue,nir]",
            metavar="NAME,...",
            example="red,green,blue,nir",
        ),
    ] = ()
    soft_labels: Annotated[bool, Flag("Learn the area shares of mixed chips, not their labels alone.")] = False


class HoldoutOptions(Seed):
    """What is kept to calibrate and to measure."""

    section: ClassVar[str] = "Held back"

    holdout: Annotated[
        float, Field(ge=0, le=0.5), Flag("Share of the samples held back to calibrate and to measure.")
    ] = 0.2
    block_m: Annotated[
        float | None,
        Field(gt=0),
        Flag("Side of the squares of land that are held back as one.  [default: eight chips]", metavar="METRES"),
    ] = None
    buffer_m: Annotated[
        float,
        Field(ge=0),
        Flag("Leave out of training what lies nearer than this to land held back.", metavar="METRES"),
    ] = 0.0
    group_by: Annotated[str | None, Flag("Hold back whole groups of this column (a county).", metavar="COLUMN")] = None


class HeadOptions(Seed, Place):
    """What learns the classes from the features, and how it is fitted."""

    section: ClassVar[str] = "Head"

    head: Annotated[HeadKind, Flag("What learns the classes from the features. A forest is fitted by Spark.")] = (
        "logistic"
    )
    fit_with: Annotated[
        FitWith,
        Flag("What fits a logistic head: this process, or Spark MLlib; the results are the same."),
    ] = "driver"
    regularisation: Annotated[
        float,
        Field(gt=0),
        Flag("Inverse strength of a logistic head's penalty (scikit-learn's C): smaller is smoother."),
    ] = 0.03
    reg_param: Annotated[
        float | None, Field(ge=0), Flag("Its strength as Spark's regParam, instead: larger is smoother.")
    ] = None
    elastic_net: Annotated[
        float, Field(ge=0, le=1), Flag("Share of the L1 norm in the penalty (Spark's elasticNetParam).")
    ] = 0.0
    max_iter: Annotated[
        int | None,
        Field(ge=1),
        Flag("Most steps of a logistic head's solver, or epochs of a dense head.  [default: 1000, 200]"),
    ] = None
    hidden: Annotated[
        tuple[Annotated[int, Field(ge=1, le=16_384)], ...],
        Flag("Units of a dense head's hidden layers.", metavar="UNITS,...", example="256 or 256,64"),
    ] = (256,)
    dropout: Annotated[float, Field(ge=0, lt=1), Flag("Share of those units left out at random while fitting.")] = 0.3
    trees: Annotated[int, Field(ge=1, le=10_000), Flag("Trees of a forest.")] = 100
    depth: Annotated[int, Field(ge=1, le=30), Flag("Most steps in a tree.")] = 10

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.head != "logistic" and (self.reg_param is not None or self.elastic_net or self.fit_with != "driver"):
            raise UsageError(
                f"--reg-param, --elastic-net and --fit-with are for the logistic head, not for a {self.head} one."
            )
        if self.by_spark and self.master == INLINE:
            what = "A forest" if self.head == "forest" else "--fit-with spark"
            raise UsageError(f"{what} needs Spark: give --master local[*] or a cluster, not {INLINE}.")
        return self

    @property
    def by_spark(self) -> bool:
        """Whether Spark MLlib fits it."""
        return self.head == "forest" or self.fit_with == "spark"


class WeightOptions(Seed):
    """What a sample counts."""

    section: ClassVar[str] = "Weights"

    balance: Annotated[
        Balance,
        Flag("Every class weighs the same; or has as many samples as the rarest; or as they come."),
    ] = "weights"
    class_weights: Annotated[
        Mapping[str, Annotated[float, Field(ge=0)]],
        Flag(
            "Factor for a class by its name; may be given several times.",
            name="--class-weight",
            metavar="NAME=NUMBER",
            example="Water=2.0",
        ),
    ] = {}  # pydantic copies it
    doubt_odds: Annotated[
        float | None,
        Field(gt=1),
        Flag(
            "Leave out samples whose label is this many times less likely than another class, as heads without them judge."
        ),
    ] = None


class TrainOptions(Fresh, Parts, WeightOptions, HeadOptions, HoldoutOptions, SampleOptions, BackboneOptions):
    """What `train` can be asked for of one model on a frozen backbone. The seed is also of the split and of random weights."""

    section: ClassVar[str] = "Run"

    cache: Annotated[bool, Flag("Keep features, and use those kept.", name="--cache/--no-cache")] = True


class TuneOptions(Options):
    """What is tried and compared.

    `grid` holds values of options of `train`, by name; every combination is a setting. `measure` is what the best setting is
    best in over all folds, before calibration.
    """

    section: ClassVar[str] = "Tuning"

    grid: Annotated[
        Mapping[str, tuple[Any, ...]],
        Flag(
            "Try these values of an option (backbone, head, regularisation, balance, ...) and keep the best; may be repeated.",
            name="--tune",
            metavar="OPTION=VALUE,...",
        ),
    ] = {}  # pydantic copies it
    folds: Annotated[
        int | None,
        Field(ge=2),
        Flag(
            f"Folds by which values are compared ({FOLDS}); without --tune, report how the model does on so many folds."
        ),
    ] = None
    draws: Annotated[int | None, Field(ge=1), Flag("Try so many combinations, drawn at random; all otherwise.")] = None
    measure: Annotated[Measure, Flag("What the best combination is best in.")] = "accuracy"


def parse_layers(value: Any) -> Any:  # noqa: ANN401
    """``last-block``, ``all`` or a number such as ``4`` or ``4-layers``. Raises `UsageError` for any other text."""
    if value is None or value in (LAST_BLOCK, ALL) or isinstance(value, int):
        return value
    number = str(value).removesuffix("-layers").removesuffix("-layer")
    if number.isascii() and number.isdigit() and int(number):
        return int(number)
    raise UsageError(f"--fine-tune is last-block, all or a number of layers from the top, not {value!r}.")


Layers = Annotated[Literal["last-block", "all"] | Annotated[int, Field(ge=1)], BeforeValidator(parse_layers)]


class FineTuneOptions(Options):
    """How layers of the backbone learn on: those of the coarsest resolution, all, or so many from the top."""

    section: ClassVar[str] = "Fine-tuning"

    layers: Annotated[
        Layers | None,
        Flag(
            "Let these layers of the backbone learn on: the last block, all, or N from the top.",
            name="--fine-tune",
            metavar="last-block|all|N-layers",
        ),
    ] = None
    train_batch_norm: Annotated[bool, Flag("Batch norms learn too, and take up the statistics of these images.")] = (
        False
    )
    epochs: Annotated[int, Field(ge=1), Flag("At most so many.")] = 20
    batch: Annotated[int, Field(ge=1), Flag("Images of a step.")] = 32
    learning_rate: Annotated[
        float, Field(gt=0, lt=1), Flag("At its height, after the warm-up; it falls to 0 along a cosine.")
    ] = 3e-4
    patience: Annotated[int, Field(ge=1), Flag("Stop after so many epochs without a better validation loss.")] = 5
    augment: Annotated[
        bool,
        Flag("Turn, mirror, scale and light each image anew in each epoch.", name="--augment/--no-augment"),
    ] = True
    fine_precision: Annotated[
        Literal["auto", "f32", "bf16"],
        Flag("Arithmetic of the steps; auto takes bf16 where the processor or the GPU has it."),
    ] = "auto"


class TrainingOptions(FineTuneOptions, TuneOptions, TrainOptions):
    """Everything that `train` can be asked for."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.layers is not None and (self.grid or self.folds is not None):
            raise UsageError("--fine-tune trains one setting: leave --tune and --folds out.")
        return self
