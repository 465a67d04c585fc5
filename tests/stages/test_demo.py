"""What `demo` refuses before it begins; `make demo` runs it whole."""

import pytest

from landuse.errors import OutputExistsError, SourceNotFoundError
from landuse.options.results import DemoOptions
from landuse.stages.demo import demo


def test_a_folder_that_is_no_landscape_leaves_nothing(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(SourceNotFoundError, match=r"python -m tools\.landscape --out"):
        demo(tmp_path / "out", DemoOptions(master="inline", data=tmp_path / "photos"), print)
    assert not (tmp_path / "out").exists()


def test_an_earlier_demo_is_kept(tmp_path):
    (tmp_path / "map.html").write_text("mine")
    with pytest.raises(OutputExistsError, match="--fresh"):
        demo(tmp_path, DemoOptions(master="inline"), print)
    assert (tmp_path / "map.html").read_text() == "mine"
