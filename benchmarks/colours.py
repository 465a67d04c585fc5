"""How a head that was trained on one date of a survey does on others, with and without one colour.

`python -m benchmarks.colours TRAINED.tif OTHER.tif... --out DIR [--bands 1,2,3]`: the rasters' bands are red, green, blue and
near infrared, which tells water: below its Otsu threshold (Otsu 1979), cleaned by a median of 5 x 5 pixels.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import rasterio

from benchmarks.infrared import water_by
from landuse.chips import ChipSet, read_columns
from landuse.options.survey import ClassifyOptions, Normalise, TileOptions
from landuse.options.training import TrainOptions
from landuse.stages.classify import classify
from landuse.stages.tile import tile
from landuse.stages.train import train

LEGEND = """name: water
classes:
  - {code: 1, name: Land, color: "#E69F00"}
  - {code: 2, name: Water, color: "#0072B2"}
"""
HEADER = (
    "date", "colours", "right", "called water", "chips mostly water", "ground under water", "right of those 90 % sure",
    "their confidence", "AUROC of confidence",
)  # fmt: skip
MOSTLY = 0.7
SURE = 0.9
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Judged:
    """Figures of one date: shares of 1.

    Attributes:
        right: of chips that are under 30 or over 70 % water, those that are called rightly.
        called: of all chips, those called Water.
        wet: of all chips, those that are mostly water: what a faultless map would call Water.
        truth: of the ground, that under water.
        sure: of those chips that are called with 90 % and more, those that are right; None where there are none.
        said: their mean confidence.
        auroc: how well confidence tells right chips from wrong ones.
    """

    right: float
    called: float
    wet: float
    truth: float
    sure: float | None
    said: float | None
    auroc: float | None


def water_mask(path: Path, out: Path, *, strict: bool) -> Path:
    """The class raster of a survey: 1 land, 2 water, 0 no imagery."""
    with rasterio.open(path) as source:
        infrared, filled, profile = source.read(4), source.dataset_mask() > 0, source.profile
    wet = water_by(infrared, filled, strict=strict)
    profile |= {"count": 1, "nodata": 0, "driver": "GTiff", "dtype": "uint8"}
    with rasterio.open(out, "w", **profile) as target:
        target.write(np.where(filled, 1 + wet, 0).astype(np.uint8), 1)
    return out


def labelled(path: Path, folder: Path, bands: tuple[int, ...], *, strict: bool) -> ChipSet:
    """Chips of a survey with their shares of water, in `folder`/chips."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "water.yaml").write_text(LEGEND)
    mask = water_mask(path, folder / "water.tif", strict=strict)
    return tile([path], folder / "chips", TileOptions(labels=mask, legend=str(folder / "water.yaml"), bands=bands))


def judge(share: Floats, water: Floats) -> Judged:
    """Figures of probabilities of water (n,) on chips with these shares of it (n,)."""
    from sklearn.metrics import roc_auc_score

    called, wet = water > 0.5, share > 0.5
    clear = (share < 1 - MOSTLY) | (share > MOSTLY)
    right = (called == wet)[clear]
    confidence = np.maximum(water, 1 - water)[clear]
    sure = confidence >= SURE
    return Judged(
        right=float(right.mean()),
        called=float(called.mean()),
        wet=float(wet.mean()),
        truth=float(share.mean()),
        sure=float(right[sure].mean()) if sure.any() else None,
        said=float(confidence[sure].mean()) if sure.any() else None,
        auroc=float(roc_auc_score(right, confidence)) if 0 < right.mean() < 1 else None,
    )


@click.command()
@click.argument("trained", type=click.Path(exists=True, path_type=Path))
@click.argument("others", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--bands", default="1,2,3", show_default=True)
@click.option("--backbone", default="builtin", show_default=True)
@click.option("--strict", is_flag=True, help="Judge by the lower of two thresholds of infrared (benchmarks.infrared).")
def main(trained: Path, others: tuple[Path, ...], out: Path, bands: str, backbone: str, strict: bool) -> None:
    """Train on one date, classify the others as they are and in one colour, and print a table."""
    numbers = tuple(map(int, bands.split(",")))
    model = out / "water.landuse"
    if not model.exists():
        labelled(trained, out / trained.stem, numbers, strict=False)
        train([out / trained.stem / "chips"], model, TrainOptions(backbone=backbone))
    click.echo(f"| {' | '.join(HEADER)} |\n{'|---' * len(HEADER)}|")
    ways: tuple[Normalise, ...] = ("none", "quantile", "auto")
    for path in others:
        chips = labelled(path, out / path.stem, numbers, strict=strict)
        for way in ways:
            folder = out / f"{path.stem}_{way}"
            options = ClassifyOptions(model=str(model), normalise=way, bands=numbers)
            classify([out / path.stem / "chips"], folder, options)
            found = judge(shares_of(chips), read_columns(folder, ["p_Water"])["p_Water"].to_numpy())
            cells = astuple(found)
            click.echo(f"| {path.stem} | {way} | " + " | ".join("" if v is None else f"{v:.1%}" for v in cells) + " |")


def shares_of(chips: ChipSet) -> Floats:
    """Share of water (n,) of chips that were cut with labels."""
    if chips.shares is None or chips.legend is None:
        raise click.UsageError("The chips carry no shares of water.")
    return np.asarray(chips.shares[:, chips.legend.names.index("Water")])


if __name__ == "__main__":
    main()
