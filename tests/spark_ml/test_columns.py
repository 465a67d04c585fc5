import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.errors import UsageError
from landuse.mosaic.picture import fit
from landuse.spark_ml.columns import IMAGE_FIELDS, PictureStream, pictures
from landuse.spark_ml.workers import context_of
from tests.spark_ml.made import encoded, picture, struct_of

PX = 16
IMAGE = pa.struct(
    [(n, pa.binary() if n == "data" else pa.string() if n == "origin" else pa.int32()) for n in IMAGE_FIELDS]
)


def read(values, kind, shape=None):
    return list(pictures(pa.array(values, kind), PX, shape))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_form_of_a_picture_gives_the_same_pixels(channels):
    image = picture(channels=channels)
    expected = fit(image, PX)
    nested = pa.list_(pa.list_(pa.list_(pa.int16())))
    forms = [
        read([struct_of(image)], IMAGE),
        read([encoded(image)], pa.binary()),
        read([image.tolist()], nested),
        read([image.ravel().astype(float)], pa.list_(pa.float64()), image.shape),
    ]
    if channels == 1:
        forms.append(read([image[..., 0].tolist()], pa.list_(pa.list_(pa.int32()))))
        forms.append(read([image.ravel()], pa.list_(pa.int64()), image.shape[:2]))
    for form in forms:
        assert (form[0] == expected).all()


def test_blue_first_becomes_red_first():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    assert struct_of(red)["data"][:3] == bytes([0, 0, 200])
    assert (read([struct_of(red)], IMAGE)[0] == [200, 0, 0]).all()


def changed(**values):
    return struct_of(picture()) | values


@pytest.mark.parametrize(
    "image",
    [
        None,
        changed(data=b""),
        changed(data=None),
        changed(data=b"\0" * 100),
        changed(height=-1, width=-1, nChannels=-1, mode=-1),  # what Spark makes of a file that is no picture
        changed(height=None),
        changed(mode=21),  # OpenCV's 32-bit floats
        changed(nChannels=2),
        changed(height=-40, width=-50),
        changed(height=0, data=b""),
    ],
)
def test_a_broken_struct_is_no_picture(image):
    good = struct_of(picture())
    found = read([good, image, good], IMAGE)
    assert found[1] is None
    assert found[0] is not None
    assert found[2] is not None


@pytest.mark.parametrize(
    "array",
    [
        None,
        [],
        [[]],
        [[[1, 2, 3]], None],
        [[[1, 2, 3]], [[1, 2, 3], [1, 2, 3]]],
        [[[1, 2]]],
        [[[1, None, 3]]],
        [[[1, 2, 256]]],
        [[[1, -1, 3]]],
    ],
)
def test_a_broken_nested_array_is_no_picture(array):
    assert read([array], pa.list_(pa.list_(pa.list_(pa.int32())))) == [None]


@pytest.mark.parametrize(
    "array",
    [[], [1.0] * 11, [1.0] * 13, [float("nan")] + [1.0] * 11, [float("inf")] + [1.0] * 11, [0.5] * 12],
)
def test_a_broken_flat_array_is_no_picture(array):
    assert read([array], pa.list_(pa.float32()), (2, 2, 3)) == [None]


def test_a_slice_of_a_column_is_read_where_it_lies():
    images = [picture(seed) for seed in range(4)]
    column = pa.array([struct_of(i) for i in images], IMAGE)[2:]
    assert all((a == fit(b, PX)).all() for a, b in zip(pictures(column, PX), images[2:], strict=True))
    nested = pa.array([i.tolist() for i in images])[1:3]
    assert all((a == fit(b, PX)).all() for a, b in zip(pictures(nested, PX), images[1:3], strict=True))


@pytest.mark.parametrize("kind", [pa.string(), pa.int32(), pa.list_(pa.int32()), pa.struct([("a", pa.int32())])])
def test_a_column_of_something_else_is_refused(kind):
    with pytest.raises(UsageError, match="holds no pictures"):
        list(pictures(pa.nulls(1, kind), PX))


@settings(max_examples=20)
@given(st.lists(st.booleans(), max_size=40))
def test_the_stream_keeps_what_is_readable_and_where_it_was(readable):
    good = encoded(picture())
    stream = PictureStream(pa.array([good if ok else b"no" for ok in readable], pa.binary()), PX)
    batches = list(stream)
    assert sum(map(len, batches)) == sum(readable)
    assert stream.read == [i for i, ok in enumerate(readable) if ok]


def test_a_session_of_spark_connect_is_refused():
    session = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session"})()
    with pytest.raises(UsageError, match="use a classic Spark session"):
        context_of(session)
