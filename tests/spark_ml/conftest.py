from pathlib import Path

import pytest

from landuse.models.bundle import write_bundle
from tests.models import small


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    return write_bundle(small.bundle(), tmp_path_factory.mktemp("spark_ml") / "small")
