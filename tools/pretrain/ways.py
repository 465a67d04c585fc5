"""Ways to learn, on equal small budgets, judged by sources that none of them saw.

`python -m tools.pretrain.ways --help` prints the table of docs/backbone.md.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tools.pretrain.data import Data, data_options

WAYS: dict[str, dict[str, Any]] = {
    "mixture": {"naming": 1.0, "pairing": 0.5, "keeping": 2.0},
    "distillation": {"naming": 0.0, "pairing": 0.0, "keeping": 2.0},
    "supervised": {"naming": 1.0, "pairing": 0.0, "keeping": 0.0},
    "self-supervised": {"naming": 0.0, "pairing": 1.0, "keeping": 0.0},
}


@click.command()
@data_options
@click.option(
    "--landscape", type=click.Path(exists=True, path_type=Path), help="Folder that `python -m tools.landscape` made."
)
@click.option("--steps", default=40, show_default=True)
@click.option("--px", default=224, show_default=True)
@click.option("--rate", default=5e-4, show_default=True)
@click.option("--only", multiple=True, help="Ways to try; all unless given.")
def main(data: Data, landscape: Path | None, steps: int, px: int, rate: float, only: tuple[str, ...]) -> None:
    """Train every way on the other classes and cities, and print how each does on the unseen ones."""
    from landuse.models.architectures import find_architecture
    from landuse.models.keras_networks import initial_weights
    from tools.pretrain.features import builtin_extractor, teacher_extractor
    from tools.pretrain.measure import CITIES, CLASSES, table, unseen_of
    from tools.pretrain.run import tune
    from tools.pretrain.student import Phase, Plan
    from tools.pretrain.wise import between

    data.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, filename=data.out / "ways.log", format="%(asctime)s %(message)s")
    source = data.images().without(CLASSES, CITIES)
    unseen = unseen_of(source, landscape)
    architecture, start = find_architecture("builtin"), data.origin()
    plan = Plan((Phase(px, steps),), rate=rate, seed=data.seed)
    stored = data.out / "ways.json"
    rows: dict[str, dict[str, float]] = json.loads(stored.read_text()) if stored.exists() else {}

    def judge(name: str, make: object) -> None:
        """Measure a way unless that was asked out or done before."""
        if name not in rows and (not only or name.partition(",")[0] in only) and callable(make):
            rows[name] = unseen.measure(make())
            stored.write_text(json.dumps(rows, indent=1))
            logging.info("%s %s", name, rows[name])

    judge("teacher (MobileNetV1)", lambda: teacher_extractor(data.teachers[0]))
    judge("start (both teachers)", lambda: builtin_extractor(start))
    for name, weights in WAYS.items():
        if not only or name in only:
            tuned = tune(architecture, start, source, replace(plan, **weights), data.out / name, data.origin_features)
            judge(name, lambda tuned=tuned: builtin_extractor(tuned))
            if name == "mixture":
                for share in (0.5, 0.25):
                    mixed = between(start, tuned, share)
                    judge(f"{name}, {share:.0%} of the way", lambda mixed=mixed: builtin_extractor(mixed))
    if not only or "from random" in only:
        random = initial_weights(architecture, data.seed)
        tuned = tune(architecture, random, source, plan, data.out / "random", data.origin_features)
        judge("from random, mixture", lambda: builtin_extractor(tuned))
    click.echo(table(rows))


if __name__ == "__main__":
    main()
