"""One command from folders of images to the shipped model file."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import click


@click.command()
@click.option("--ucmerced", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--aerial", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Unlabelled images.")
@click.option(
    "--teacher", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="TFLite file."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Views, checkpoints, log, model."
)
@click.option("--views", default=8000, show_default=True, help="Views to render.")
@click.option("--steps", default="1300,640,90", show_default=True, help="Steps at 56, 112 and 224 px.")
@click.option("--seed", default=0, show_default=True)
def main(ucmerced: Path, aerial: Path | None, teacher: Path, out: Path, views: int, steps: str, seed: int) -> None:
    """Train the built-in backbone and its land-use head; a broken-off run goes on where it stopped."""
    from landuse.models.backbones import builtin
    from landuse.models.pretrain.images import read_images
    from landuse.models.pretrain.ship import ship
    from landuse.models.pretrain.store import fill_store
    from landuse.models.pretrain.student import Phase, Plan, train_student
    from landuse.models.pretrain.teacher import Teacher

    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, filename=out / "run.log", format="%(asctime)s %(message)s")
    source = read_images(ucmerced, aerial)
    store = fill_store(source, Teacher(teacher), out / "views", views, seed)
    counts = tuple(int(count) for count in steps.split(","))
    phases = tuple(Phase(px, n, batch) for px, n, batch in zip((56, 112, 224), counts, (32, 32, 16), strict=True))
    plan = Plan(phases, rate=1.5e-3, seed=seed)
    backbone = builtin()
    weights = train_student(backbone, store, plan, out / "student")
    training = {
        "images": len(source.images),
        "images_held_out": int(source.held_out.sum()),
        "images_digest": hashlib.sha256(source.images.tobytes()).hexdigest(),
        "views": views,
        "steps at 56, 112 and 224 px": steps,
        "seed": seed,
    }
    bundle = ship(backbone, weights, source, training, out / "builtin.landuse")
    for name, value in bundle.metrics.items():
        click.echo(f"{name}: {value}")


if __name__ == "__main__":
    main()
