"""One command from folders of images to the shipped model files."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from tools.pretrain.data import Data, data_options, infrared_option


@click.command()
@data_options
@infrared_option
@click.option("--steps", default=40, show_default=True, help="Steps of 32 views.")
@click.option("--rate", default=5e-4, show_default=True, help="Largest relative step.")
@click.option("--share", default=0.25, show_default=True, help="How far from the start to the tuned weights to ship.")
def main(data: Data, infrared: Path | None, steps: int, rate: float, share: float) -> None:
    """Tune the built-in backbone, and fit and write its two models; a broken-off run goes on where it stopped."""
    from landuse.models.architectures import find_architecture
    from tools.pretrain.run import tune
    from tools.pretrain.ship import Shipment, ship
    from tools.pretrain.student import Phase, Plan
    from tools.pretrain.views import PX
    from tools.pretrain.water import draw_lakes
    from tools.pretrain.wise import between

    data.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, filename=data.out / "run.log", format="%(asctime)s %(message)s")
    source, start, architecture = data.images(), data.origin(), find_architecture("builtin")
    plan = Plan((Phase(PX, steps),), rate=rate, seed=data.seed)
    tuned = tune(architecture, start, source, plan, data.out / "student", data.origin_features)
    training: dict[str, str | int | float] = {
        "images": len(source.images),
        "images held out": int(source.held_out.sum()),
        "images digest": source.digest,
        "start": ", ".join(path.name for path in data.teachers),
        "steps": steps,
        "largest relative step": rate,
        "share of the way from the start": share,
        "water": "half of each raster" if infrared else "UC Merced's alone",
        "seed": data.seed,
    }
    lakes = draw_lakes(infrared, data.seed) if infrared else None
    for bundle in ship(Shipment(architecture, between(start, tuned, share), training), source, lakes, data.out):
        click.echo(bundle.name)
        for name, value in bundle.metrics.items():
            click.echo(f"  {name}: {value}")


if __name__ == "__main__":
    main()
