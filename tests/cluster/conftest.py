"""A small survey of eight blocks, a model that takes its time over each, and the map of an undisturbed run."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from landuse.models.bundle import write_bundle
from landuse.models.libraries import ops
from tests.cluster.processes import CHIPS, here
from tests.cluster.stores import Store, store
from tests.models import small
from tests.patchwork import Patchwork, patchwork

FILTERS = 32
BLOCKS = 8


def slow_bundle(seed: int = 0, **changes):
    """A model of three convolutions at full size: about a seventh of a second a block on one core."""
    layers = small.Layers(seed)
    image, found = small.image_of(small.PX)
    for _ in range(2):
        found = ops.relu(layers.conv(found, FILTERS, 3, 1))
    backbone = small.made(small.means(layers.conv(found, FILTERS, 3, 1)), image)
    return small.bundle(name="slow", backbone=backbone, head=small.random_head(FILTERS, 3), **changes)


@pytest.fixture(scope="package")
def work(tmp_path_factory) -> Patchwork:
    made = patchwork(tmp_path_factory.mktemp("survey"), rows=64, cols=24)
    return replace(made, model=write_bundle(slow_bundle(), made.model.with_name("slow.landuse")))


def command(work: Patchwork, out: Path, master: str = "inline") -> list[object]:
    """The arguments of the run that all these tests disturb."""
    polygons = ["--formats", "geojson"]  # the one format that is always written
    return ["classify", *work.survey, "--model", work.model, *CHIPS, *polygons, "--master", master, "--out", out]


@pytest.fixture(scope="package")
def undisturbed(work, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "map"
    assert here(*command(work, out)) == 0
    return out


@pytest.fixture(scope="package")
def bucket() -> Iterator[Store]:
    """An object store that all share."""
    with store() as one:
        yield one
