"""Keys to object stores reach GDAL from the environment, and are looked up once."""

import pytest
import rasterio
from rasterio.env import getenv
from rasterio.session import AWSSession, Session

from landuse.mosaic.gdal import gdal_env

KEY = "AWS_ACCESS_KEY_ID"


@pytest.fixture
def sessions(monkeypatch):
    """The sessions that are made, in an environment with keys."""
    made, make = [], Session.from_environ
    monkeypatch.setattr(Session, "from_environ", lambda: made.append(make()) or made[-1])
    monkeypatch.setenv(KEY, "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return made


def key() -> str | None:
    with gdal_env():
        return getenv().get(KEY)


def test_keys_are_looked_up_once_and_anew_when_they_change(sessions, monkeypatch):
    assert [key() for _ in range(3)] == ["someone"] * 3
    monkeypatch.setenv(KEY, "another")
    assert [key() for _ in range(3)] == ["another"] * 3
    assert len(sessions) == 2
    monkeypatch.delenv(KEY)
    assert key() is None


def test_keys_of_a_context_around_hold(sessions):
    theirs = AWSSession(aws_access_key_id="caller", aws_secret_access_key="theirs", region_name="eu-west-1")
    with rasterio.Env(theirs):
        assert key() == "caller"
    assert sessions == []
