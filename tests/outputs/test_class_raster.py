import numpy as np
import pytest
import rasterio
from affine import Affine

from landuse.errors import BandsError, DamagedSourceError, MissingCRSError, NotARasterError, UsageError
from landuse.legend import load_legend
from landuse.outputs.class_raster import read_class_raster

TRANSFORM = Affine(30.0, 0, 600000, 0, -30.0, 4500000)


def write(path, values, *, crs="EPSG:26919", transform=TRANSFORM, nodata=None, colormap=None, **options):
    stack = values[np.newaxis] if values.ndim == 2 else values
    profile = {"driver": "GTiff", "height": stack.shape[1], "width": stack.shape[2], "count": len(stack)}
    with rasterio.open(
        path, "w", **profile, dtype=stack.dtype, crs=crs, transform=transform, nodata=nodata, **options
    ) as dataset:
        dataset.write(stack)
        if colormap:
            dataset.write_colormap(1, colormap)
    return path


def test_codes_of_any_whole_type_become_uint8_and_their_nodata_zero(tmp_path):
    values = np.array([[1, 2], [11, 95]])
    for dtype, nodata in (("uint8", 255), ("int16", -9999), ("int32", 0), ("float32", -1), ("float64", float("nan"))):
        there = values.astype(dtype)
        there[0, 0] = nodata
        read = read_class_raster(write(tmp_path / f"{dtype}.tif", there, nodata=nodata))
        assert read.codes.dtype == np.uint8
        assert read.codes.tolist() == [[0, 2], [11, 95]], dtype


def test_without_palette_and_names_there_is_no_legend(tmp_path):
    assert read_class_raster(write(tmp_path / "a.tif", np.ones((2, 2), np.uint8))).legend is None


def test_a_palette_gives_colours_and_plain_names(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[1, 7]], np.uint8), colormap={1: (255, 0, 0, 255), 7: (0, 0, 255, 255)})
    legend = read_class_raster(path).legend
    assert legend.names == ("Class 1", "Class 7")
    assert [c.color for c in legend.classes] == ["#FF0000", "#0000FF"]


def test_names_of_another_producer_are_read_from_the_sidecar(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[1, 2, 3]], np.uint8))
    names = ["Unclassified", "Wald &amp; Busch", "Wald &amp; Busch"]
    listed = "".join(f"<Category>{name}</Category>" for name in names)
    (tmp_path / "a.tif.aux.xml").write_text(
        f"<PAMDataset><PAMRasterBand band='1'><CategoryNames>{listed}</CategoryNames></PAMRasterBand></PAMDataset>"
    )
    assert read_class_raster(path).legend.names == ("Wald & Busch (1)", "Wald & Busch (2)", "Class 3")


def test_a_sidecar_full_of_entities_does_no_harm(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[1]], np.uint8))
    bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
        f"<!ENTITY a{i} '{'&a' + str(i - 1) + ';' if i else '&a;'}'>" for i in range(9)
    )
    (tmp_path / "a.tif.aux.xml").write_text(
        f"{bomb}]><PAMDataset><PAMRasterBand band='1'><CategoryNames><Category/><Category>&a8;</Category></CategoryNames>"
        "</PAMRasterBand></PAMDataset>"
    )
    legend = read_class_raster(path).legend
    assert legend is None or len(legend.names[0]) < 20


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"values": np.ones((3, 4, 4), np.uint8)}, BandsError, "has 3 bands"),
        ({"crs": None}, MissingCRSError, "where on Earth"),
        ({"transform": TRANSFORM @ Affine.rotation(10)}, UsageError, "gdalwarp"),
        ({"transform": Affine(30, 0, 0, 0, 30, 0)}, UsageError, "gdalwarp"),
        ({"values": np.arange(400, dtype=np.int16).reshape(20, 20)}, UsageError, "400 different values"),
        ({"values": np.full((4, 4), 70_000, np.int32)}, UsageError, "the value 70000"),
        ({"values": np.full((4, 4), -3, np.int16)}, UsageError, "the value -3"),
        ({"values": np.full((4, 4), 0.5, np.float32)}, UsageError, "the value 0.5"),
    ],
)
def test_what_is_no_class_map_is_refused_in_one_sentence(tmp_path, change, error, words):
    arguments = {"values": np.ones((4, 4), np.uint8)} | change
    with pytest.raises(error, match=words) as raised:
        read_class_raster(write(tmp_path / "a.tif", **arguments))
    assert "\n" not in str(raised.value)


def test_a_text_file_is_no_raster(tmp_path):
    (tmp_path / "a.tif").write_text("hello")
    with pytest.raises(NotARasterError, match=r"a\.tif"):
        read_class_raster(tmp_path / "a.tif")
    with pytest.raises(NotARasterError, match=r"none\.tif"):
        read_class_raster(tmp_path / "none.tif")


def test_a_truncated_file_is_named(tmp_path):
    path = write(tmp_path / "a.tif", np.random.default_rng(0).integers(1, 9, (600, 600), np.uint8), tiled=True)
    path.write_bytes(path.read_bytes()[:200_000])
    with pytest.raises(DamagedSourceError, match=r"a\.tif"):
        read_class_raster(path)


def test_a_file_that_claims_to_be_huge_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "huge.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=400_000, width=400_000, count=1, dtype="uint8", crs="EPSG:26919",
        transform=TRANSFORM, tiled=True, blockxsize=4096, blockysize=4096, SPARSE_OK=True, BIGTIFF="YES",
    ):  # fmt: skip
        pass
    with pytest.raises(UsageError, match="400,000 x 400,000"):
        read_class_raster(path)


def test_codes_above_255_take_16_bits(tmp_path):
    read = read_class_raster(write(tmp_path / "a.tif", np.array([[112, 523], [311, -9999]], np.int16), nodata=-9999))
    assert read.codes.dtype == np.uint16
    assert read.codes.tolist() == [[112, 523], [311, 0]]
    assert read.counts == {112: 1, 311: 1, 523: 1}


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_0_is_a_class_where_nothing_says_that_it_is_none(tmp_path, dtype):
    values = np.array([[0, 5], [0, 6]], dtype)
    read = read_class_raster(write(tmp_path / "a.tif", values))
    assert (read.zero, read.codes.dtype, read.codes.tolist()) == (99, np.uint8, [[99, 5], [99, 6]])
    other = read_class_raster(write(tmp_path / "b.tif", values, nodata=6))  # says what is no data, and it is not 0
    assert other.codes.tolist() == [[99, 5], [99, 0]]
    none = read_class_raster(write(tmp_path / "c.tif", values, nodata=0))
    assert (none.zero, none.codes.tolist()) == (None, [[0, 5], [0, 6]])


def named(path, names):
    listed = "".join(f"<Category>{name}</Category>" for name in names)
    sidecar = (
        f"<PAMDataset><PAMRasterBand band='1'><CategoryNames>{listed}</CategoryNames></PAMRasterBand></PAMDataset>"
    )
    path.with_name(f"{path.name}.aux.xml").write_text(sidecar)


def test_the_name_and_the_palette_of_0_say_what_it_is(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[0, 1, 99]], np.uint8))
    named(path, ["Water", "Trees"])
    read = read_class_raster(path)
    assert read.codes.tolist() == [[98, 1, 99]]
    assert {c.code: c.name for c in read.legend.classes} == {98: "Water", 1: "Trees", 99: "Class 99"}
    for name in ("", "Unclassified", "No Data", "background"):
        named(path, [name, "Trees"])
        assert read_class_raster(path).codes.tolist() == [[0, 1, 99]], name
    clear = write(tmp_path / "b.tif", np.array([[0, 1]], np.uint8), colormap={0: (0, 0, 0, 0), 1: (9, 9, 9, 255)})
    assert read_class_raster(clear).codes.tolist() == [[0, 1]]
    blue = write(tmp_path / "c.tif", np.array([[0, 1]], np.uint8), colormap={0: (0, 0, 255, 255), 1: (9, 9, 9, 255)})
    assert read_class_raster(blue).legend.by_code[99].color == "#0000FF"


def test_a_map_of_ours_keeps_0_as_no_data_even_where_a_program_has_dropped_the_declaration(tmp_path):
    legend = load_legend("nlcd6").model_dump_json()
    path = write(tmp_path / "a.tif", np.array([[0, 1]], np.uint8))
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(LANDUSE_LEGEND=legend)
    assert read_class_raster(path).codes.tolist() == [[0, 1]]
