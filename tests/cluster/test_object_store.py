"""Sources read from an object store and parts kept there, with a real server."""

import pytest

from landuse.errors import SourceNotFoundError
from landuse.mosaic.addresses import expand, gdal_options, is_listing
from landuse.outputs.record import identify
from tests.cluster.conftest import BLOCKS, command
from tests.cluster.processes import Command, counts, run, until

pytestmark = pytest.mark.timeout(900)  # seconds on an idle machine


@pytest.fixture(scope="module", autouse=True)
def survey(work, bucket):
    """The survey lies in the store, beside what is no raster."""
    for path in work.survey:
        bucket.put(path, f"2021/{path.name}")
    bucket.put(work.legend, "2021/readme.yaml")


@pytest.fixture
def near(bucket, monkeypatch):
    """This process sees the store, too."""
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    return bucket


def test_a_folder_a_pattern_and_a_name_are_the_same_files(near):
    files = ("/vsis3/surveys/2021/part0.tif", "/vsis3/surveys/2021/part1.tif")
    assert expand(["s3://surveys/2021/"]) == files
    assert expand(["s3://surveys/2021/part*.tif"]) == files
    assert expand(["s3://surveys/2021/part0.tif"]) == files[:1]


def test_what_is_not_there_is_said_in_a_sentence(near):
    with pytest.raises(SourceNotFoundError, match=r"^s3://surveys/1950/ "):
        expand(["s3://surveys/1950/"])
    with pytest.raises(SourceNotFoundError, match=r"holds no raster; check the address\.$"):
        expand(["s3://surveys/2021/*.yaml"])


def test_an_object_that_is_written_anew_is_another(near, work):
    address = near.put(work.legend, "changing")
    before = identify(address)
    assert before.size == work.legend.stat().st_size
    assert identify(address) == before
    assert identify("/vsis3/surveys/changing").modified == before.modified
    near.put(work.labels, "changing")
    assert identify(address).key != before.key
    assert identify("s3://surveys/nothing").size == -1


def test_gdal_learns_the_store_from_the_name_that_others_know():
    local = {"AWS_S3_ENDPOINT": "127.0.0.1:9000", "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
    assert gdal_options({"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}) == local
    other = gdal_options({"AWS_ENDPOINT_URL": "http://x", "AWS_ENDPOINT_URL_S3": "https://minio.example.org/"})
    assert (other["AWS_S3_ENDPOINT"], other["AWS_HTTPS"]) == ("minio.example.org", "YES")
    assert gdal_options({"AWS_ENDPOINT_URL": "http://x", "AWS_S3_ENDPOINT": "y"}) == gdal_options({}) == {}
    assert not is_listing("/vsis3/surveys/2021/")


def test_classify_reads_from_a_store_keeps_parts_there_and_goes_on(work, undisturbed, bucket, tmp_path):
    out = tmp_path / "map"
    arguments = [*command(work, out), "--parts", "s3://surveys/parts"]
    arguments[1:3] = ["s3://surveys/2021/"]
    one = Command.start(*arguments, **bucket.environment)
    until(lambda: len(bucket.names("parts")) >= 3, one, every_s=0.2)
    assert one.kill() == -9
    done = len(bucket.names("parts"))
    assert 3 <= done < BLOCKS
    status, _, trouble = run(*arguments, **bucket.environment)
    assert status == 0, trouble
    assert counts(out)["blocks_reused"] == done
    assert bucket.names("parts") == []
    for name in ("landuse.tif", "probabilities.tif", "landuse.geojson", "summary.csv", "quarantine.csv"):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name
