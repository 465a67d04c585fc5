"""Class grids of maps side by side, as a picture: `python -m benchmarks.grids d2010 d2016 --out grids.png`.

Folders of `classify` with the same legend. Only classes are drawn, so nothing of the imagery is in the picture.
"""

import argparse
from pathlib import Path

import numpy as np
import rasterio
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from landuse.outputs.land_use_map import MAP, LandUseMap


def coloured(path: Path) -> np.ndarray:
    """A class raster in the colours that its file gives its codes; white where it has none."""
    with rasterio.open(path) as source:
        codes, colours = source.read(1), source.colormap(1)
    lookup = np.array([colours[code] if code else (255, 255, 255, 255) for code in range(256)], np.uint8)
    return lookup[codes]


def main() -> None:
    """Draw the grids and the key."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    figure = Figure(figsize=(4.3 * len(given.folders), 4.2), layout="constrained")
    for axes, folder in zip(figure.subplots(1, len(given.folders), squeeze=False)[0], given.folders, strict=True):
        axes.imshow(coloured(folder / MAP), interpolation="nearest")
        axes.set(xticks=[], yticks=[], title=folder.name)
    key = [Patch(color=each.color, label=each.name) for each in LandUseMap(given.folders[0]).legend.classes]
    figure.legend(handles=key, loc="outside lower center", ncols=7, frameon=False, fontsize=8)
    figure.savefig(given.out, dpi=100)


if __name__ == "__main__":
    main()
