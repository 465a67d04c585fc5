"""`import landuse as lu`: functions that take paths or results and give results that show something."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import landuse as lu
from landuse.errors import LanduseWarning, OutputExistsError, UsageError
from landuse.options.survey import TileOptions
from tests.patchwork import OPTIONS


@pytest.fixture(scope="module")
def chips(work):
    return lu.tile(*work.survey, **OPTIONS, labels=work.labels, legend=work.legend)


@pytest.fixture(scope="module")
def land(work, chips):
    return lu.classify(chips, model=work.model)


@pytest.fixture(scope="module")
def change(work, land, tmp_path_factory):
    other = lu.classify(*work.survey, **OPTIONS, model=work.model, out=tmp_path_factory.mktemp("maps") / "later")
    return lu.diff(land, other)


def test_the_whole_job_in_six_lines(work, chips, land, change, tmp_path):
    model = lu.train(chips, out=tmp_path / "m.landuse", backbone=work.model)
    assert repr(model).startswith("<landuse model of 3 classes, accuracy ")
    found = lu.evaluate(model, chips)
    assert found.metrics["n"] == 480
    assert "accuracy" in repr(found)
    page = change.map(tmp_path / "map.html")
    assert "<title>landuse, later</title>" in page.path.read_text("utf8")  # both maps
    assert lu.map(land, out=tmp_path / "one.html").path.is_file()


def test_chips(chips):
    assert len(chips) == 480
    assert repr(
        chips
    ) == f"<landuse 480 chips of 32 m in NAD83 / UTM zone 18N, in {chips.folder}>" or "480 chips" in repr(chips)
    assert "<td>Water</td>" in chips._repr_html_()
    frame = chips.to_geodataframe()
    assert frame.geometry.area.to_numpy() == pytest.approx(32.0**2)


def test_a_map(land):
    frame = land.to_geodataframe()
    assert frame["area_ha"].sum() == pytest.approx(sum(line.area_ha for line in land.summary), rel=1e-4)
    assert f"{len(land.arrays.chips):,}" == "480"
    shown = land._repr_html_()
    assert 'src="data:image/png;base64,' in shown
    assert "<th>share</th>" in shown
    assert repr(land).startswith("<landuse land use of 49 ha in ")


def test_a_map_as_xarray(land):
    grid = land.to_xarray()
    assert grid.landuse.shape == (20, 24)
    assert grid.probabilities.dims == ("class", "y", "x")
    assert list(grid["class"].values) == list(land.arrays.legend.names)
    best = grid.probabilities.argmax("class")
    codes = np.array(land.arrays.legend.codes)[best.values]
    assert (codes == grid.landuse.values).all()
    centre = land.to_geodataframe().to_crs(grid.spatial_ref.attrs["crs_wkt"])
    west, south, east, north = centre.total_bounds
    assert (float(grid.x[0]) - 16, float(grid.y[0]) + 16) == pytest.approx((west, north), abs=0.05)
    assert (float(grid.x[-1]) + 16, float(grid.y[-1]) - 16) == pytest.approx((east, south), abs=0.05)


def test_no_xarray_is_one_sentence(land, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(UsageError, match=r"pip install 'landuse\[xarray\]'"):
        land.to_xarray()


def test_change(change):
    assert len(change.to_geodataframe()) == change.summary["sites"] == 0
    assert {"from", "to", "area_ha"} <= set(change.to_geodataframe().columns)
    assert "change from landuse to later: 0 sites of 0.0 ha" in repr(change)
    assert "<strong>change from" in change._repr_html_()


def test_a_result_is_kept_on_demand(land, tmp_path):
    kept = land.save(tmp_path / "kept")
    assert (kept / "run.json").is_file()
    with pytest.raises(OutputExistsError, match="exists"):
        land.save(kept)


def test_a_data_frame_of_images(work, tmp_path, monkeypatch):
    from PIL import Image

    from tests.patchwork import COLOURS

    rng = np.random.default_rng(0)
    for i in range(18):
        noise = rng.integers(-10, 11, (32, 32, 3))
        Image.fromarray((COLOURS[i % 3] + noise).clip(0, 255).astype(np.uint8)).save(tmp_path / f"{i}.png")
    frame = pd.DataFrame({"path": [f"{i}.png" for i in range(18)], "label": ["Field", "Water", "Town"] * 6})
    monkeypatch.chdir(tmp_path)
    model = lu.train(frame, backbone=work.model, cache=False)
    assert model.bundle.training["samples"] == 18
    assert model.bundle.legend.names == ("Field", "Town", "Water")
    spark_like = type("DataFrame", (), {"toPandas": lambda self: frame})()
    again = lu.train(spark_like, backbone=work.model, cache=False)
    assert again.bundle.training["digest"] == model.bundle.training["digest"]
    assert again.metrics == model.metrics
    paths = lu.train(frame.assign(path=frame["path"].map(Path)), backbone=work.model, cache=False)
    assert paths.bundle.training["digest"] == model.bundle.training["digest"]
    noted = frame.copy()
    noted.attrs = {"metrics": [object()]}  # as a frame of Spark Connect has them
    assert lu.train(noted, backbone=work.model, cache=False).metrics == model.metrics
    copies = frame.assign(path=[f"{(i - i % 2 * 3) % 18}.png" for i in range(18)], split=["train", "test"] * 9)
    with pytest.warns(LanduseWarning, match="held back are copies of samples that are learnt from"):
        lu.train(copies, backbone=work.model, cache=False)
    with pytest.raises(UsageError, match="not as a dict"):
        lu.train({"path": []})
    with pytest.raises(UsageError, match="The data frame is no table of paths and labels: Duplicate column"):
        lu.train(pd.DataFrame([["0.png", "Field"]], columns=["label", "label"]))


def test_options_are_those_of_the_command(work):
    names = inspect.signature(lu.tile).parameters
    assert set(TileOptions.model_fields) <= set(names)
    assert names["chip_m"].default == 224.0
    assert "chip_m: Side of a chip in metres." in lu.tile.__doc__
    with pytest.raises(UsageError, match="no option 'chip_size'"):
        lu.tile(*work.survey, chip_size=32)
    for call in (lu.diff, lu.tile, lu.classify):
        with pytest.raises(UsageError, match="not a list"):
            call([work.survey[0], work.survey[0]])
    for call in (lu.report, lu.packet, lu.assess_design, lu.assess_estimate, lu.audit_sites, lu.audit_apply):
        with pytest.raises(UsageError, match="not a int"):
            call(3)
    with pytest.raises(UsageError, match="is not a chip id"):
        lu.find("folder", {"id": 1})


def test_importing_the_package_loads_nothing():
    code = "import sys, landuse; print(sorted(m for m in sys.modules if 'landuse' in m or m in ('numpy', 'pydantic')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['landuse', 'landuse.version']"
    assert set(lu.__all__) <= set(dir(lu))
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        lu.nosuch  # noqa: B018


def test_a_result_stands_where_a_path_does(land):
    assert Path(land) == land.folder
