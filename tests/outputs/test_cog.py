import json
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from landuse.errors import LanduseError, UsageError
from landuse.legend import LandClass, Legend, load_legend
from landuse.outputs.areas import raster_areas_ha
from landuse.outputs.class_raster import read_class_raster
from landuse.outputs.cog import Place, bands_cog, class_cog, write_bands_cog, write_class_cog
from tests.outputs.in_memory import write_change_cog

UTM = CRS.from_epsg(26919)
TRANSFORM = Affine(224.0, 0, 224.0 * 1500, 0, -224.0, 224.0 * 20000)
HOSTILE = "</script><img src=x onerror=alert(1)> & \"quoted\" 'and' é"


def codes_of(shape, top=6):
    return np.random.default_rng(1).integers(0, top + 1, shape, np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (17, 300), (1200, 700)])
def test_class_cog_reads_back_whatever_its_size(tmp_path, shape):
    codes, legend = codes_of(shape), load_legend("nlcd6")
    write_class_cog(tmp_path / "landuse.tif", codes, TRANSFORM, UTM, legend)
    back = read_class_raster(tmp_path / "landuse.tif")
    assert np.array_equal(back.codes, codes)
    assert back.transform == TRANSFORM
    assert back.crs.equals(UTM)
    assert back.legend == legend


def test_class_cog_has_palette_nodata_and_names(tmp_path):
    legend = load_legend("nlcd6")
    write_class_cog(tmp_path / "landuse.tif", codes_of((20, 20)), TRANSFORM, UTM, legend)
    with rasterio.open(tmp_path / "landuse.tif") as dataset:
        assert dataset.nodata == 0
        assert dataset.dtypes == ("uint8",)
        assert dataset.colormap(1)[3] == (*legend.by_code[3].rgb, 255)
        assert json.loads(dataset.tags()["CLASS_NAMES"])["6"] == "Cultivated"
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert "<Category>Forest</Category>" in (tmp_path / "landuse.tif.aux.xml").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["landuse.tif", "landuse.tif.aux.xml"]


def test_overviews_hold_codes_that_occur_and_never_means(tmp_path):
    codes = np.where(np.indices((1500, 1500)).sum(axis=0) % 3 == 0, 1, 6).astype(np.uint8)
    write_class_cog(tmp_path / "landuse.tif", codes, TRANSFORM, UTM, load_legend("nlcd6"))
    with rasterio.open(tmp_path / "landuse.tif") as dataset:
        assert dataset.overviews(1)
        assert set(np.unique(dataset.read(1, out_shape=(375, 375)))) <= {1, 6}


def test_blocks_may_come_in_any_order_and_the_rest_is_no_data(tmp_path):
    codes = codes_of((700, 900))
    with class_cog(tmp_path / "landuse.tif", Place(UTM, TRANSFORM, codes.shape), load_legend("nlcd6")) as writer:
        for row in (512, 16, 256):
            writer.write(codes[row : row + 16, 32:800], row, 32)
    expected = np.zeros_like(codes)
    for row in (512, 16, 256):
        expected[row : row + 16, 32:800] = codes[row : row + 16, 32:800]
    assert np.array_equal(read_class_raster(tmp_path / "landuse.tif").codes, expected)


def test_bands_are_named_and_unwritten_pixels_are_nan(tmp_path):
    values = np.random.default_rng(0).random((2, 10, 10), np.float32)
    with bands_cog(tmp_path / "p.tif", Place(UTM, TRANSFORM, (600, 20)), ["Forest", HOSTILE]) as writer:
        writer.write(values, 300, 5)
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.descriptions == ("Forest", HOSTILE)
        assert np.isnan(dataset.nodata)
        read = dataset.read()
    assert np.array_equal(read[:, 300:310, 5:15], values)
    assert np.isnan(read).sum() == read.size - values.size


def numbered(legend):
    return dict(zip(legend.names, legend.codes, strict=True))


def test_changes_are_named_coloured_and_counted(tmp_path):
    change, legend = np.array([[0, 106], [601, 601]], np.uint16), load_legend("nlcd6")
    write_change_cog(tmp_path / "change.tif", change, Place(UTM, TRANSFORM, (2, 2)), legend, numbered(legend))
    with rasterio.open(tmp_path / "change.tif") as dataset:
        assert dataset.nodata == 0
        assert dataset.dtypes == ("uint16",)
        assert np.array_equal(dataset.read(1), change)
        assert dataset.colormap(1)[601] == (*legend.by_code[1].rgb, 255)
        assert dataset.descriptions == ("100 x from + to",)
    rows = table_of(tmp_path / "change.tif")
    assert [row["Class"] for row in rows] == ["Developed -> Cultivated", "Cultivated -> Developed"]
    assert [row["Count"] for row in rows] == ["1", "2"]
    areas = raster_areas_ha(TRANSFORM, UTM, (2, 2))
    assert float(rows[1]["Hectares"]) == pytest.approx(areas[1].sum(), abs=1e-4)
    assert "<Category>Cultivated -&gt; Developed</Category>" in (tmp_path / "change.tif.aux.xml").read_text()


def table_of(raster):
    """The rows of a raster attribute table, by the name of the column."""
    band = ElementTree.parse(raster.with_name(f"{raster.name}.aux.xml")).getroot().find("PAMRasterBand")
    table = band.find("GDALRasterAttributeTable")
    names = [column.findtext("Name") for column in table.iter("FieldDefn")]
    return [dict(zip(names, (f.text for f in row.iter("F")), strict=True)) for row in table.iter("Row")]


def test_the_attribute_table_says_how_much_ground_a_class_has(tmp_path):
    codes, legend = codes_of((40, 30)), load_legend("nlcd6")
    with class_cog(tmp_path / "landuse.tif", Place(UTM, TRANSFORM, codes.shape), legend) as writer:
        writer.write(codes[:16], 0, 0, np.full((16, 30), 2.5))
        writer.write(codes[16:], 16, 0, np.full((24, 30), 2.5))
    rows = {row["Value"]: row for row in table_of(tmp_path / "landuse.tif")}
    assert set(rows) == set("123456")
    for value, row in rows.items():
        cells = int((codes == int(value)).sum())
        assert (int(row["Count"]), float(row["Hectares"])) == (cells, 2.5 * cells)
        assert row["Class"] == legend.name_of(int(value))
        assert (int(row["Red"]), int(row["Green"]), int(row["Blue"])) == legend.by_code[int(value)].rgb


@pytest.mark.parametrize("shape", [(3, 5), (1200, 700)])
def test_rio_cogeo_takes_every_raster_for_a_cog(tmp_path, shape):
    from rio_cogeo.cogeo import cog_validate

    legend, codes = load_legend("nlcd6"), codes_of(shape)
    place = Place(UTM, TRANSFORM, shape)
    write_class_cog(tmp_path / "landuse.tif", codes, TRANSFORM, UTM, legend)
    write_change_cog(tmp_path / "change.tif", (codes == 1) * np.uint16(601), place, legend, numbered(legend))
    write_bands_cog(tmp_path / "p.tif", np.ones((2, *shape), np.float32), TRANSFORM, UTM, ["a", "b"])
    for name in ("landuse.tif", "change.tif", "p.tif"):
        valid, errors, warnings = cog_validate(tmp_path / name, strict=True)
        assert (valid, errors, warnings) == (True, [], []), name


def test_probabilities_say_what_they_are_and_where_they_are_from(tmp_path):
    with bands_cog(tmp_path / "p.tif", Place(UTM, TRANSFORM, (5, 5)), ["Forest"], {"LANDUSE_MODEL": "builtin"}):
        pass
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.units == ("1",)
        assert dataset.tags()["LANDUSE_MODEL"] == "builtin"
        assert dataset.tags()["TIFFTAG_SOFTWARE"].startswith("landuse ")


def test_hostile_class_names_survive_as_text(tmp_path):
    legend = Legend(name="hostile", classes=(LandClass(code=1, name=HOSTILE, color="#112233"),))
    write_class_cog(tmp_path / "landuse.tif", np.ones((3, 3), np.uint8), TRANSFORM, UTM, legend)
    assert read_class_raster(tmp_path / "landuse.tif").legend == legend
    with rasterio.open(tmp_path / "landuse.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.update_tags(LANDUSE_LEGEND="{not json")
    assert read_class_raster(tmp_path / "landuse.tif").legend.names == (HOSTILE,)


def test_a_block_beyond_the_edge_is_refused_and_nothing_stays(tmp_path):
    cog = class_cog(tmp_path / "landuse.tif", Place(UTM, TRANSFORM, (5, 5)), load_legend("nlcd6"))
    with pytest.raises(UsageError, match="does not fit"), cog as writer:
        writer.write(np.ones((3, 3), np.uint8), 3, 0)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_one_clear_error(tmp_path):
    with pytest.raises(LanduseError, match="Cannot write"):
        write_class_cog(tmp_path / "none" / "landuse.tif", codes_of((3, 3)), TRANSFORM, UTM, load_legend("nlcd6"))


def test_a_folder_in_the_way_is_one_clear_error(tmp_path):
    (tmp_path / "landuse.tif").mkdir()
    with pytest.raises(LanduseError, match="Cannot write"):
        write_class_cog(tmp_path / "landuse.tif", codes_of((3, 3)), TRANSFORM, UTM, load_legend("nlcd6"))
    assert [p.name for p in tmp_path.iterdir()] == ["landuse.tif"]


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="gdalinfo is not installed")
def test_gdalinfo_lists_the_class_names(tmp_path):
    write_class_cog(tmp_path / "landuse.tif", codes_of((9, 9)), TRANSFORM, UTM, load_legend("nlcd6"))
    done = subprocess.run(["gdalinfo", tmp_path / "landuse.tif"], capture_output=True, text=True, check=True)
    assert "5: Herbaceous" in done.stdout
    assert "GDALRasterAttributeTable" in done.stdout
    assert "NoData Value=0" in done.stdout


def test_codes_above_255_are_written_in_16_bits_and_read_back(tmp_path):
    legend = Legend.model_validate(
        {"name": "clc", "classes": [{"code": c, "name": f"C{c}", "color": f"#0000{c % 256:02x}"} for c in (112, 523)]}
    )
    codes = np.array([[112, 523], [0, 112]], np.uint16)
    write_class_cog(tmp_path / "landuse.tif", codes, TRANSFORM, UTM, legend)
    with rasterio.open(tmp_path / "landuse.tif") as dataset:
        assert (dataset.dtypes, dataset.nodata) == (("uint16",), 0)
        assert dataset.colormap(1)[523][:3] == (0, 0, 523 % 256)
    read = read_class_raster(tmp_path / "landuse.tif")
    assert read.codes.tolist() == codes.tolist()
    assert read.legend == legend
