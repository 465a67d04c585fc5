"""Pictures of samples: those that the features were made of."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from landuse.grid import CellRange
from landuse.mosaic import MosaicReader
from landuse.options.survey import TileOptions
from landuse.scoring import ScoreSettings
from landuse.stages.tile import tile
from landuse.training.pictures import FilePictures, joined_pictures
from landuse.training.reading import read_samples
from landuse.training.samples import SampleSettings
from tests.patchwork import OPTIONS


@pytest.fixture(scope="module")
def samples(work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chips")
    tile(work.survey, folder / "a", TileOptions(**OPTIONS, labels=work.labels, legend=str(work.legend)))
    settings = SampleSettings(ScoreSettings(work.model, "inline", features=True), None, 0.0, folder / "parts")
    return read_samples([folder / "a", folder / "a"], settings)


def test_chips_are_read_as_they_were_for_their_features(samples, work):
    from landuse.models.runtime import open_runtime

    some = samples.take(np.array([3, 400, len(samples) - 1]))
    with some.pictures.reader(32) as reader:
        batch = np.stack([reader(i) for i in range(3)])
    found = open_runtime(work.model).predict(batch).features
    assert np.allclose(found, some.features, atol=1e-4)


def test_tables_of_chips_are_joined(samples):
    pictures = samples.pictures
    assert len(pictures) == len(samples)
    assert sorted(set(pictures.numbers.tolist())) == [0, 1]
    assert joined_pictures([pictures, None]) is None


def test_a_chip_is_that_of_the_mosaic(samples):
    survey, grid = samples.pictures.surveys[0]
    row, col = int(samples.pictures.rows[7]), int(samples.pictures.cols[7])
    with MosaicReader(survey, replace(grid, chip_px=32)) as mosaic:
        whole = mosaic.read(CellRange(row, row + 1, col, col + 1)).data
    with samples.pictures.reader(32) as reader:
        assert np.array_equal(reader(7), whole)


def test_files_are_read_at_the_size_asked_for(tmp_path):
    Image.fromarray(np.full((40, 50, 3), 77, np.uint8)).save(tmp_path / "a.png")
    pictures = FilePictures((tmp_path / "absent.png", tmp_path / "a.png")).take(np.array([1, 0]))
    with pictures.reader(16) as reader:
        assert np.array_equal(reader(0), np.full((16, 16, 3), 77))
        with pytest.raises(OSError):
            reader(1)
