"""Layers and archives: the shapes are found wherever they lie, and nothing is taken at a guess."""

import zipfile

import geopandas as gpd
import pytest
import shapely

from landuse.errors import NotAVectorError, SourceNotFoundError, UsageError
from landuse.mosaic.addresses import entries, is_foreign
from landuse.vector_file import file_and_layer, read_vector
from tests.made import UTM


def frame(use="Forest", shape=None):
    return gpd.GeoDataFrame({"use": [use]}, geometry=[shape or shapely.box(0, 0, 9, 9)], crs=UTM)


@pytest.fixture
def two(tmp_path):
    path = tmp_path / "p.gpkg"
    frame("Water").to_file(path, layer="a_2001")
    frame("Forest").to_file(path, layer="b_now")
    return path


def zipped(path, folder, prefix, junk=()):
    files = sorted(p for p in folder.iterdir() if p != path)
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, f"{prefix}{file.name}")
        for name in junk:
            archive.writestr(name, b"\0\5\x16\7")
    return path


def test_several_layers_are_named_and_one_of_them_can_be_said(two):
    with pytest.raises(UsageError, match=r"2 layers: a_2001, b_now; say which one is meant, as .*p\.gpkg:b_now"):
        read_vector(two)
    assert read_vector(f"{two}:b_now").use.tolist() == ["Forest"]
    with pytest.raises(UsageError, match="no single layer 'c'; it has a_2001, b_now"):
        read_vector(f"{two}:c")


def test_an_attribute_or_a_kind_of_geometry_decides_where_only_one_layer_has_it(two):
    frame().rename(columns={"use": "kind"}).to_file(two, layer="c_kind")
    assert read_vector(two, "kind").kind.tolist() == ["Forest"]
    two.unlink()
    frame("Forest").to_file(two, layer="areas")
    frame("x", shapely.Point(1, 1)).to_file(two, layer="points")
    assert read_vector(two).use.tolist() == ["Forest"]


@pytest.mark.parametrize("name", ["a.zip", "a.shp.zip"])
@pytest.mark.parametrize("prefix", ["", "deep/er/"])
def test_a_zipped_shapefile_is_found_wherever_it_lies(tmp_path, name, prefix):
    (tmp_path / "in").mkdir()
    frame().to_file(tmp_path / "in" / "p.shp")
    junk = ("__MACOSX/deep/._p.shp", f"{prefix}._p.shp", f"{prefix}Thumbs.db")
    path = zipped(tmp_path / name, tmp_path / "in", prefix, junk)
    assert read_vector(path).use.tolist() == ["Forest"]
    assert read_vector(f"{path}:p.shp").use.tolist() == ["Forest"]


def test_an_archive_of_two_shapefiles_or_of_none_is_one_sentence(tmp_path):
    (tmp_path / "in").mkdir()
    frame("Water").to_file(tmp_path / "in" / "old.shp")
    frame("Forest").to_file(tmp_path / "in" / "new.shp")
    path = zipped(tmp_path / "a.zip", tmp_path / "in", "")
    with pytest.raises(UsageError, match="2 layers: new, old"):
        read_vector(path)
    assert read_vector(f"{path}:old").use.tolist() == ["Water"]
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("read.me", "x")
    with pytest.raises(NotAVectorError, match="holds no shapefile"):
        read_vector(tmp_path / "none.zip")
    (tmp_path / "torn.zip").write_bytes(path.read_bytes()[:200])
    with pytest.raises(NotAVectorError, match="not a readable zip"):
        read_vector(tmp_path / "torn.zip")


def test_a_description_in_an_archive_is_not_followed(tmp_path):
    frame().to_file(tmp_path / "far.geojson")
    source = f"<SrcDataSource>{tmp_path}/far.geojson</SrcDataSource>"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(
            "p.json", f'<OGRVRTDataSource><OGRVRTLayer name="far">{source}</OGRVRTLayer></OGRVRTDataSource>'
        )
    with pytest.raises(NotAVectorError, match="only says where shapes are"):
        read_vector(tmp_path / "a.zip")


def test_a_colon_in_a_file_name_is_part_of_it(tmp_path, two):
    odd = tmp_path / "a:b.gpkg"
    odd.write_bytes(two.read_bytes())
    assert file_and_layer(odd) == (odd, None)
    assert file_and_layer(f"{odd}:x") == (odd, "x")
    with pytest.raises(SourceNotFoundError, match="c:nothing"):
        file_and_layer(tmp_path / "c:nothing")


@pytest.mark.parametrize(
    ("name", "foreign"),
    [
        ("a.tif", False),
        ("._a.tif", True),
        (".ipynb_checkpoints", True),
        ("Water/.ipynb_checkpoints/a.png", True),
        ("__MACOSX/Water/a.png", True),
        ("THUMBS.DB", True),
        ("desktop.ini", True),
        ("@eaDir", True),
        ("Water", False),
        ("Desktop", False),
    ],
)
def test_what_other_programs_leave_behind_is_known_by_name(name, foreign):
    assert is_foreign(name) == foreign


def test_entries_are_sorted_and_the_user_s_own(tmp_path):
    for name in ("b.tif", "._b.tif", "a.tif", "Thumbs.db"):
        (tmp_path / name).touch()
    assert [p.name for p in entries(tmp_path)] == ["a.tif", "b.tif"]
