import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.mosaic.picture import batches, decode, fit
from landuse.training.reading import read_image
from tests.spark_ml.made import encoded, picture

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.mark.parametrize("size", [(40, 50), (20, 30), (32, 32), (10, 64)])
@pytest.mark.parametrize("driver", ["PNG", "JPEG", "GTiff"])
def test_a_decoded_file_is_what_training_reads(tmp_path, size, driver):
    data = encoded(picture(1, *size), driver)
    (tmp_path / "file").write_bytes(data)
    assert (decode(data, 32) == read_image(tmp_path / "file", 32)).all()


@pytest.mark.parametrize("size", [(40, 50), (20, 30), (32, 32), (10, 64), (1, 1)])
def test_an_array_is_resampled_as_its_file(size):
    image = picture(2, *size)
    assert (fit(image, 32) == decode(encoded(image), 32)).all()


def test_averages_when_it_shrinks():
    image = np.zeros((64, 64, 3), np.uint8)
    image[::2] = 100
    assert (fit(image, 32) == 50).all()


def test_grey_is_replicated_and_alpha_dropped():
    image = picture(3, channels=4)
    assert (fit(image, 32) == fit(image[..., :3], 32)).all()
    assert (decode(encoded(image), 32) == fit(image, 32)).all()
    grey = picture(3, channels=1)
    assert (fit(grey, 32) == fit(np.repeat(grey, 3, axis=2), 32)).all()
    assert (decode(encoded(grey), 32) == fit(grey, 32)).all()


def test_grey_with_alpha():
    image = picture(4, channels=2)
    assert (decode(encoded(image)) == image[..., :1]).all()


@pytest.mark.parametrize("driver", ["PNG", "GIF"])
def test_a_palette_becomes_its_colours(driver):
    from rasterio.io import MemoryFile

    numbers = np.array([[0, 1], [2, 1]], np.uint8)
    colours = {0: (255, 0, 0), 1: (10, 20, 30), 2: (1, 2, 3)}
    with MemoryFile() as file:
        with file.open(driver=driver, width=2, height=2, count=1, dtype="uint8") as target:
            target.write_colormap(1, colours)
            target.write(numbers, 1)
        data = bytes(file.getbuffer())
    expected = np.array([[colours[n] for n in row] for row in numbers], np.uint8)
    assert (decode(data) == expected).all()
    assert (decode(data, 8) == fit(expected, 8)).all()


@pytest.mark.parametrize("driver", ["PNG", "JPEG", "GTiff", "WEBP"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.98])
def test_a_file_cut_short_is_no_picture(driver, share):
    data = encoded(picture(5, 200, 300), driver)
    assert decode(data, 32) is not None
    assert decode(data[: int(len(data) * share)], 32) is None


@pytest.mark.parametrize("data", [b"", b"hello", b"\x00" * 1000, b"\x89PNG\r\n\x1a\n"])
def test_other_bytes_are_no_picture(data):
    assert decode(data, 32) is None


def test_an_address_in_a_file_is_not_followed(tmp_path):
    (tmp_path / "secret.png").write_bytes(encoded(picture()))
    text = f"""<VRTDataset rasterXSize="50" rasterYSize="40"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>
    <SourceFilename>{tmp_path}/secret.png</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""
    assert decode(text.encode(), 32) is None


def test_deep_pictures_are_not_squeezed_into_bytes():
    assert decode(encoded(picture().astype(np.uint16) * 200), 32) is None


def test_no_warning_is_left():
    image = picture()
    data = encoded(image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(data, 16) is not None
        assert fit(image, 16).shape == (16, 16, 3)


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(1, 12))
def test_batches_hold_every_picture_once_in_order_and_are_full_but_the_last(count, size):
    taken = []
    stream = (taken.append(i) or np.full((2, 2, 3), i, np.uint8) for i in range(count))
    found = list(batches(stream, size))
    assert [int(v) for batch in found for v in batch[:, 0, 0, 0]] == taken == list(range(count))
    assert all(len(batch) == size for batch in found[:-1])
    assert all(0 < len(batch) <= size for batch in found)


def test_a_batch_comes_before_the_next_picture_is_asked_for():
    asked = []
    stream = batches((asked.append(i) or np.zeros((1, 1, 3), np.uint8) for i in range(9)), 3)
    next(stream)
    assert asked == [0, 1, 2]
