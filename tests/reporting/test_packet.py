"""A packet holds everything, is the same each time, is whole when it is unpacked, and names no folder of the sender."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import geopandas
import pytest

from landuse.errors import ConfigError, OutputExistsError, SourceNotFoundError
from landuse.options.results import DiffOptions, PacketOptions
from landuse.outputs.record import FileIdentity, RunRecord, damaged_files, read_record
from landuse.reporting.packet import without_places
from landuse.stages.diff import diff
from landuse.stages.pages import packet
from tests.outputs.conftest import Maker, built_up, made_land


@pytest.fixture(scope="module")
def packed(pictured, tmp_path_factory):
    out = tmp_path_factory.mktemp("packet") / "x.zip"
    return out, packet(pictured, out)


def test_everything_is_in_it_and_said_in_the_readme(pictured, packed):
    out, names = packed
    with zipfile.ZipFile(out) as found:
        assert found.testzip() is None
        assert found.namelist() == names
        text = found.read("README.txt").decode()
    own = {f"change/{path.name}" for path in pictured.iterdir()}
    assert own | {"README.txt", "report.html", "map.html", "catalog.json"} <= set(names)
    assert "maps/land_2010/landuse.tif" in names
    for name in names:
        assert Path(name).name in text
    assert not [line for line in text.splitlines() if line.endswith(("A table.", ".geojson", ".csv"))]
    assert re.search(r"gains\.parquet +The same for programs", text)
    assert "no parcels" in text


def test_it_is_the_same_each_time(pictured, packed, tmp_path):
    packet(pictured, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == packed[0].read_bytes()


def test_no_file_names_a_folder_of_the_sender(pictured, packed):
    with zipfile.ZipFile(packed[0]) as found:
        for name in found.namelist():
            content = found.read(name)
            for place in (str(pictured.parent), str(Path.home()) + "/", "/tmp/"):
                assert place.encode() not in content, name


def test_unpacked_folders_are_whole_and_their_catalog_holds(packed, tmp_path):
    with zipfile.ZipFile(packed[0]) as found:
        found.extractall(tmp_path)
    for folder in ("change", "maps/land_2010", "maps/land_2016"):
        assert damaged_files(tmp_path / folder, read_record(tmp_path / folder)) == {}
    import pystac

    items = list(pystac.Catalog.from_file(str(tmp_path / "catalog.json")).get_items())
    assert [item.id for item in items] == ["land_2010_land_2016"]  # the made maps have no item of their own
    for asset in items[0].assets.values():
        assert Path(asset.get_absolute_href()).is_file()
    assert len(geopandas.read_file(tmp_path / "change" / "change.gpkg", layer="change"))


def test_paths_are_taken_out_of_a_record():
    record = RunRecord(
        command="classify",
        inputs=(FileIdentity(path="/home/me/2014/a.tif", size=1), FileIdentity(path="C:\\maps\\y2014\\landuse.tif", size=1)),
        options={"model": "../m/x.landuse", "formats": "gpkg,geojson", "aoi": None, "crs": "EPSG:26914", "like": "s3://a/b"},
        details={"model": "x", "flights": ["/data/a.tif"], "said": "half / half"},
        outputs={"item.json": "sha256:0", "landuse.tif": "sha256:1"},
    )  # fmt: skip
    item = json.dumps({"links": [{"rel": "derived_from", "href": "/home/me/a.tif"}], "assets": {"chips.parquet": {}}})
    run, cleaned = without_places(record, item)
    told = json.loads(run)
    assert [one["path"] for one in told["inputs"]] == ["a.tif", "y2014/landuse.tif"]
    assert told["options"] == {
        "model": "x.landuse", "formats": "gpkg,geojson", "aoi": None, "crs": "EPSG:26914", "like": "b"
    }  # fmt: skip
    assert told["details"] == {"model": "x", "flights": ["a.tif"], "said": "half / half"}
    assert json.loads(cleaned) == {"links": [], "assets": {}}
    assert told["outputs"]["item.json"] != "sha256:0"


def test_steps_of_three_dates_travel_too(tmp_path):
    maker, codes = Maker(tmp_path), made_land((8, 9), blot=2)
    years = ((2010, codes), (2013, codes), (2016, built_up(codes, sites=2)))
    diff([maker.classify(f"land_{year}", land) for year, land in years], tmp_path / "change", DiffOptions())
    names = packet(tmp_path / "change", tmp_path / "x.zip")
    assert "change/2_land-2013_land-2016/change.tif" in names
    assert len(names) == len(set(names))
    with zipfile.ZipFile(tmp_path / "x.zip") as found:
        found.extractall(tmp_path / "there")
    for folder in ("change", "change/1_land-2010_land-2013"):
        assert damaged_files(tmp_path / "there" / folder, read_record(tmp_path / "there" / folder)) == {}


def test_what_is_no_comparison_or_is_damaged_is_refused(pictured, packed, tmp_path):

    with pytest.raises(OutputExistsError):
        packet(pictured, packed[0])
    with pytest.raises(SourceNotFoundError, match="landuse classify"):
        packet(pictured.parent / "land_2010", tmp_path / "x.zip", PacketOptions())
    shutil.copytree(pictured, tmp_path / "change")
    (tmp_path / "change" / "sites.csv").write_text("changed")
    with pytest.raises(ConfigError, match=r"sites\.csv is changed"):
        packet(tmp_path / "change", tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()
