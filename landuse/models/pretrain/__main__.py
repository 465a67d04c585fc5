"""One command from folders of images to the shipped model files."""

from __future__ import annotations

import logging

import click

from landuse.models.pretrain.data import Data, data_options


@click.command()
@data_options
@click.option("--steps", default="400,30", show_default=True, help="Steps at 128 and at 224 px.")
@click.option("--rate", default=2e-3, show_default=True, help="Largest relative step.")
@click.option("--share", default=0.25, show_default=True, help="How far from the start to the tuned weights to ship.")
def main(data: Data, steps: str, rate: float, share: float) -> None:
    """Tune the built-in backbone, and fit and write its two models; a broken-off run goes on where it stopped."""
    from landuse.models.backbones import builtin
    from landuse.models.pretrain.run import tune
    from landuse.models.pretrain.ship import ship
    from landuse.models.pretrain.student import Phase, Plan
    from landuse.models.pretrain.wise import between

    data.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, filename=data.out / "run.log", format="%(asctime)s %(message)s")
    source, start, backbone = data.images(), data.origin(), builtin()
    counts = [int(count) for count in steps.split(",")]
    phases = tuple(Phase(px, count) for px, count in zip((128, 224), counts, strict=True))
    plan = Plan(phases, rate=rate, seed=data.seed)
    tuned = tune(backbone, start, source, plan, data.out / "student", data.origin_features)
    training: dict[str, str | int | float] = {
        "images": len(source.images),
        "images held out": int(source.held_out.sum()),
        "images digest": source.digest,
        "start": ", ".join(path.name for path in data.teachers),
        "steps at 128 and 224 px": steps,
        "largest relative step": rate,
        "share of the way from the start": share,
        "seed": data.seed,
    }
    for bundle in ship(backbone, between(start, tuned, share), source, training, data.out):
        click.echo(bundle.name)
        for name, value in bundle.metrics.items():
            click.echo(f"  {name}: {value}")


if __name__ == "__main__":
    main()
