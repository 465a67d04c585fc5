"""One command from a published trunk and folders of images to the shipped model files."""

from __future__ import annotations

import logging
from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--trunk", type=FILE, required=True, help="EfficientNet-Lite0's weights, safetensors.")
@click.option("--ucmerced", type=FOLDER, required=True, help="Class folders of UC Merced Land Use.")
@click.option("--nwpu", type=FOLDER, required=True, help="Class folders of NWPU-RESISC45.")
@click.option("--eurosat", type=FOLDER, required=True, help="Class folders of EuroSAT in red, green and blue.")
@click.option("--infrared", type=FOLDER, help="Rasters R G B NIR of lakes: western halves teach, eastern judge.")
@click.option("--aerial", type=FOLDER, help="Images of Californian places, CITY_YEAR_NUMBER.jpg: they judge.")
@click.option("--landscape", type=FOLDER, help="Folder that `python -m tools.landscape` made: it judges.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Models, features, log.")
@click.option("--seed", default=0, show_default=True)
def main(trunk: Path, out: Path, seed: int, **folders: Path | None) -> None:
    """Fit and write the built-in models; a broken-off run goes on where it stopped."""
    from tools.pretrain.ship import COLLECTIONS, Data, ship
    from tools.pretrain.unseen import Unseen

    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, filename=out / "run.log", format="%(asctime)s %(message)s")
    learnt = {name: Path(str(folders[name])) for name in COLLECTIONS}
    unseen = Unseen(folders["aerial"], folders["landscape"], folders["infrared"])
    for bundle in ship(Data(trunk, learnt, unseen, out, seed)):
        click.echo(bundle.name)
        for name, value in bundle.metrics.items():
            click.echo(f"  {name}: {value}")


if __name__ == "__main__":
    main()
