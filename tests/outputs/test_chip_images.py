import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from landuse.errors import BandsError, DamagedSourceError
from landuse.grid import Cell
from landuse.legend import Legend, load_legend
from landuse.mosaic import MosaicReader
from landuse.options.survey import TileOptions
from landuse.outputs.chip_images import folder_names, safe_name
from landuse.stages.tile import tile
from tests.made import raster

NORTH = 4_500_000
OPTIONS = TileOptions(chip_m=100, chip_px=20, min_valid=0.1)


def legend_of(*names):
    classes = [{"code": n, "name": name, "color": "#123456"} for n, name in enumerate(names, start=1)]
    return Legend.model_validate({"name": "odd", "classes": classes})


@pytest.fixture
def source(tmp_path):
    """A 5 m raster of 3 x 2 chips whose last column is half nodata."""
    data = np.random.default_rng(1).integers(1, 255, (3, 40, 60)).astype(np.uint8)
    data[:, :, 50:] = 0
    return raster(tmp_path / "a.tif", data, Affine(5, 0, 600_000, 0, -5, NORTH), nodata=0)


@pytest.fixture
def labels(tmp_path):
    codes = np.array([[41, 21, 11], [41, 82, 11]], np.uint8)
    return raster(tmp_path / "nlcd.tif", codes, Affine(100, 0, 600_000, 0, -100, NORTH))


def written(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_images_without_labels_go_to_one_folder(source, tmp_path):
    chips = tile([source], tmp_path / "out", OPTIONS.changed(export="png"))
    assert written(tmp_path / "out" / "images") == sorted(f"chips/{i}.png" for i in chips.ids)
    assert len(chips) == 6


def test_images_with_labels_go_to_a_folder_a_class(source, labels, tmp_path):
    tile([source], tmp_path / "out", OPTIONS.changed(export="png", labels=labels, label_rule="centre"))
    assert written(tmp_path / "out" / "images") == [
        "Cultivated/r44998c6001.png",
        "Developed/r44999c6001.png",
        "Forest/r44998c6000.png",
        "Forest/r44999c6000.png",
        "Water/r44998c6002.png",
        "Water/r44999c6002.png",
    ]


def test_a_geotiff_lies_where_its_chip_lies_and_masks_what_is_empty(source, tmp_path):
    chips = tile([source], tmp_path / "out", OPTIONS.changed(export="tif"))
    with MosaicReader(chips.survey, chips.grid) as reader:
        for chip_id in chips.ids:
            cell = Cell.parse(chip_id)
            pixels = reader.read(cell)
            with rasterio.open(tmp_path / "out" / "images" / "chips" / f"{chip_id}.tif") as image:
                assert image.crs.to_epsg() == 26918
                assert tuple(image.bounds) == pytest.approx(tuple(chips.grid.bounds(cell)))
                assert (np.moveaxis(image.read(), 0, -1) == pixels.data).all()
                assert ((image.dataset_mask() > 0) == pixels.valid).all()
                assert image.nodata is None


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_png_holds_the_chips_pixels(source, tmp_path):
    tile([source], tmp_path / "out", OPTIONS.changed(export="png"))
    with rasterio.open(source) as whole, rasterio.open(tmp_path / "out/images/chips/r44999c6001.png") as image:
        assert (image.read() == whole.read()[:, :20, 20:40]).all()


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_spark_writes_the_same_images(source, labels, tmp_path):
    options = OPTIONS.changed(export="png", labels=labels)
    tile([source], tmp_path / "here", options)
    tile([source], tmp_path / "there", options.changed(master="local[2]"))
    names = written(tmp_path / "here" / "images")
    assert written(tmp_path / "there" / "images") == names
    for name in names:
        assert (tmp_path / "here/images" / name).read_bytes() == (tmp_path / "there/images" / name).read_bytes()


def test_a_png_cannot_hold_two_bands(source, tmp_path):
    with pytest.raises(BandsError, match="--export tif"):
        tile([source], tmp_path / "out", OPTIONS.changed(export="png", bands=(1, 2)))
    assert not (tmp_path / "out").exists()
    tile([source], tmp_path / "out", OPTIONS.changed(export="tif", bands=(1, 2)))


def test_a_damaged_source_is_named_and_leaves_nothing(tmp_path):
    data = np.random.default_rng(1).integers(1, 255, (3, 400, 600)).astype(np.uint8)
    file = raster(tmp_path / "a.tif", data, Affine(1, 0, 600_000, 0, -1, NORTH), compress="deflate")
    file.write_bytes(file.read_bytes()[:300_000])
    with pytest.raises(DamagedSourceError, match=r"a\.tif"):
        tile([file], tmp_path / "out", OPTIONS.changed(export="png"))
    assert not (tmp_path / "out").exists()


ODD = [
    "../../etc",
    "a/b",
    "a\\b",
    ".hidden",
    "..",
    "chips",
    "CHIPS",
    "con",
    "a" * 80,
    "Forêt dense",
    "~",
    "C:",
]


NAMES = st.one_of(st.text(min_size=1, max_size=80).filter(str.isprintable), st.sampled_from(ODD))


@given(st.lists(NAMES, min_size=1, max_size=12, unique=True))
def test_class_names_of_strangers_never_leave_the_folder(tmp_path_factory, names):
    folder = tmp_path_factory.getbasetemp()
    found = folder_names(legend_of(*names))
    assert found[0] == "chips"
    assert len({name.casefold() for name in found.values()}) == len(names) + 1
    for name in found.values():
        assert (folder / name).resolve().parent == folder.resolve()
        assert not name.startswith(".")
        assert "\0" not in name
        assert len(name.encode()) <= 255


@pytest.mark.parametrize("legend", ["nlcd6", "nlcd8", "nlcd16", "groups3", "landuse7"])
def test_names_of_shipped_legends_stay_readable(legend):
    shipped = load_legend(legend)
    names = folder_names(shipped)
    assert sum(names[c.code] == c.name for c in shipped.classes) >= len(shipped) - 4


def test_names_are_kept_as_far_as_they_are_safe():
    assert safe_name("Developed, Open Space") == "Developed, Open Space"
    assert safe_name("Shrub/Scrub") == "Shrub_Scrub"
    assert safe_name("../..") == ""
    assert safe_name("NUL") == "NUL_"
    assert safe_name("x\0y\nz") == "x_y_z"
