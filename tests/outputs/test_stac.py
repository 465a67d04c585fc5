"""STAC items of result folders and catalogs of them, checked by pystac without a network."""

import hashlib
import json

import numpy as np
import pytest
from affine import Affine
from click.testing import CliRunner
from pyproj import CRS

from landuse.cli.main import landuse
from landuse.errors import ConfigError, OutputExistsError, SourceNotFoundError
from landuse.legend import LandClass, Legend
from landuse.outputs.cog import write_bands_cog, write_class_cog
from landuse.outputs.record import FileIdentity, RunRecord, write_record
from landuse.outputs.stac import write_catalog, write_item

UTM = CRS.from_epsg(26919)
TRANSFORM = Affine(224.0, 0, 224.0 * 1500, 0, -224.0, 224.0 * 20000)
HOSTILE = '</script> "quoted" é'
LEGEND = Legend(
    name="two",
    classes=(LandClass(code=1, name="Forest", color="#116611"), LandClass(code=300, name=HOSTILE, color="#883300")),
)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "land_2014"
    place.mkdir()
    write_class_cog(place / "landuse.tif", np.array([[1, 300], [0, 1]], np.uint16), TRANSFORM, UTM, LEGEND)
    write_bands_cog(place / "probabilities.tif", np.ones((2, 2, 2), np.float32), TRANSFORM, UTM, LEGEND.names)
    inputs = (FileIdentity(path="/surveys/2014/a b.tif", size=5, digest="sha256:00"),)
    record = RunRecord(command="classify", inputs=inputs)
    write_item(place, "land_2014", "probabilities.tif", record)
    write_record(place, record)
    return place


def validate(item):
    """By the core schema, which pystac carries; those of extensions it would fetch."""
    from pystac.validation import validate_dict

    validate_dict(item | {"stac_extensions": []})


def test_the_item_is_valid_and_says_what_is_there(folder):
    item = json.loads((folder / "item.json").read_text("utf8"))
    validate(item)
    assert item["properties"]["start_datetime"] == "2014-01-01T00:00:00Z"
    assert item["properties"]["proj:code"] == "EPSG:26919"
    assert item["bbox"] == pytest.approx([-70.932, 40.445, -70.926, 40.450], abs=0.02)
    classes = item["assets"]["landuse.tif"]["classification:classes"]
    assert [(c["value"], c["title"], c["color_hint"]) for c in classes] == [
        (1, "Forest", "116611"), (300, HOSTILE, "883300")
    ]  # fmt: skip
    bands = item["assets"]["probabilities.tif"]["bands"]
    assert [(b["name"], b["unit"], b["nodata"]) for b in bands] == [("Forest", "1", "nan"), (HOSTILE, "1", "nan")]
    assert {"rel": "derived_from", "href": "/surveys/2014/a b.tif", "title": "a b.tif"} in item["links"]


def test_checksums_are_multihashes_of_the_files(folder):
    item = json.loads((folder / "item.json").read_text("utf8"))
    asset = item["assets"]["landuse.tif"]
    digest = hashlib.sha256((folder / "landuse.tif").read_bytes()).hexdigest()
    assert asset["file:checksum"] == f"1220{digest}"
    assert asset["file:size"] == (folder / "landuse.tif").stat().st_size


def test_a_catalog_finds_its_items_wherever_it_is_moved(folder, tmp_path):
    import pystac

    done = CliRunner().invoke(landuse, ["catalog", str(folder), "--out", str(tmp_path / "stac"), "--title", "Town"])
    assert done.exit_code == 0, done.output
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}_moved"))
    catalog = pystac.Catalog.from_file(str(moved / "stac" / "catalog.json"))
    validate(catalog.to_dict())
    (item,) = catalog.get_items()
    assert item.id == "land_2014"
    assert item.assets["landuse.tif"].get_absolute_href() == str(moved / "land_2014" / "landuse.tif")


def test_what_is_no_result_is_one_clear_error(folder, tmp_path):
    with pytest.raises(SourceNotFoundError, match="give folders that landuse classify"):
        write_catalog([tmp_path], tmp_path / "stac", "")
    write_catalog([folder], tmp_path / "stac", "")
    with pytest.raises(OutputExistsError, match="--fresh"):
        write_catalog([folder], tmp_path / "stac", "")
    (folder / "item.json").write_text("[1]")
    with pytest.raises(ConfigError, match="STAC item"):
        write_catalog([folder], tmp_path / "stac", "", fresh=True)


def test_a_name_without_a_year_has_the_time_of_its_making(folder):
    record = RunRecord(command="diff")
    write_item(folder, "change", "landuse.tif", record)
    item = json.loads((folder / "item.json").read_text("utf8"))
    validate(item)
    assert item["properties"]["datetime"] == record.created
