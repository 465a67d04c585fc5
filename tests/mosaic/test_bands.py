"""Which bands become red, green and blue: what files declare, what their names tell, else a refusal with the ways out."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp

from landuse.errors import BandsError, NotARasterError
from landuse.mosaic import MosaicReader, open_survey
from landuse.mosaic.bands import by_colours, by_names
from landuse.mosaic.remarks import remarks
from tests.mosaic.rasters import GRID, Raster, at, corner, noise

KINDS = {name[0]: ColorInterp[name] for name in ("red", "green", "blue", "nir", "alpha", "undefined")}


def declared(path, kinds):
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [KINDS[kind] for kind in kinds]
    return path


def read(paths, bands=None):
    survey = open_survey(paths, bands=bands)
    with MosaicReader(survey, GRID) as reader:
        return survey, reader.read(corner(1, 1)).data


def said(survey):
    return " ".join(str(remark) for remark in remarks(survey, GRID.crs))


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["LC08_L2SP_010_T1_SR_B2", "LC08_L2SP_010_T1_SR_B3", "LC08_L2SP_010_T1_SR_B4"], (2, 1, 0)),
        (["LC09_B1", "LC09_B2", "LC09_B3", "LC09_B4"], (3, 2, 1)),
        (["LC80100302015_B1", "LC80100302015_B2", "LC80100302015_B3", "LC80100302015_B4"], (3, 2, 1)),
        ([f"LE07_L2SP_013030_SR_B{n}" for n in range(1, 5)], (2, 1, 0)),
        ([f"LT05_L2SP_013030_SR_B{n}" for n in (3, 2, 1)], (0, 1, 2)),
        ([f"T18TWL_20200101T153000_B0{n}_10m" for n in (2, 3, 4, 8)], (2, 1, 0)),
        ([f"S2A_export.B{n}" for n in (1, 2, 3, 4)], (3, 2, 1)),
        (["B02", "B03", "B04", "B8A", "B11"], (2, 1, 0)),
        (["ortho_blue", "ortho_green", "ortho_red", "ortho_red_edge", "ortho_nir"], (2, 1, 0)),
        (["x_B", "x_G", "x_R"], (2, 1, 0)),
        (["NAIP-b1", "NAIP-b2", "NAIP-b3", "NAIP-b4"], None),
        (["B1", "B2", "B3"], None),
        (["LM01_B4", "LM01_B5", "LM01_B6"], None),
        (["a", "b", "c"], None),
        (["S2_B04_old", "S2_B04_new", "S2_B03", "S2_B02"], None),
        ([], None),
    ],
)
def test_names_of_satellites_bands(names, order):
    assert by_names(names) == order


def test_declared_colours():
    assert by_colours(["blue", "green", "red"]) == (2, 1, 0)
    assert by_colours(["red", "red", "green", "blue"]) is None
    assert by_colours(["gray", "undefined", "undefined"]) is None


def test_a_file_is_read_by_its_declared_colours(tmp_path):
    values = noise(32, 32, 4)
    path = declared(Raster(values, at(0, 0)).write(tmp_path / "a.tif"), "bgrn")
    survey, data = read([path])
    np.testing.assert_array_equal(data, values[[2, 1, 0]].transpose(1, 2, 0))
    assert survey.bands == (3, 2, 1)
    assert "bands 3, 2, 1 of a.tif, by their declared colours" in said(survey)
    survey, data = read([path], bands=(1, 2, 3))
    np.testing.assert_array_equal(data, values[:3].transpose(1, 2, 0))
    assert "as asked for" in said(survey)


def test_a_file_of_named_bands(tmp_path):
    """As Earth Engine exports them: colours undefined, bands described."""
    values = noise(32, 32, 3).astype(np.uint16)
    path = Raster(values, at(0, 0)).write(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("B2", "B3", "B4")
    survey = open_survey([path])
    assert [band.band for band in survey.sources[0].bands] == [3, 2, 1]
    assert survey.sources[0].order == "names"


def test_a_file_that_says_nothing_is_read_by_place_and_said_so(tmp_path):
    path = Raster(noise(32, 32, 3).astype(np.uint16), at(0, 0)).write(tmp_path / "a.tif")
    survey = open_survey([path])
    assert survey.bands == (1, 2, 3)
    assert "nothing declares their colours; give --bands" in said(survey)


def write_scene(folder, names, kinds=None):
    values = noise(32, 32, len(names))
    for position, name in enumerate(names):
        path = Raster(values[position : position + 1], at(0, 0)).write(folder / f"{name}.tif")
        if kinds:
            declared(path, kinds[position])
    return values


def test_files_of_one_band_each_by_names(tmp_path):
    values = write_scene(tmp_path, ["LC08_SR_B2", "LC08_SR_B3", "LC08_SR_B4"])
    survey, data = read([tmp_path])
    np.testing.assert_array_equal(data, values[[2, 1, 0]].transpose(1, 2, 0))
    assert "LC08_SR_B4.tif, LC08_SR_B3.tif, LC08_SR_B2.tif, by their names" in said(survey)


def test_files_of_one_band_each_by_colours(tmp_path):
    values = write_scene(tmp_path, ["a", "b", "c"], "grb")
    _, data = read([tmp_path])
    np.testing.assert_array_equal(data, values[[1, 0, 2]].transpose(1, 2, 0))


def test_files_that_do_not_tell_are_refused_with_the_ways_out(tmp_path):
    values = write_scene(tmp_path, ["NAIP-b1", "NAIP-b2", "NAIP-b3", "NAIP-b4"])
    with pytest.raises(BandsError, match=r"1 NAIP-b1\.tif, 2 NAIP-b2\.tif.*--bands 1,2,3.*-colorinterp_1 red"):
        open_survey([tmp_path])
    _, data = read([tmp_path], bands=(1, 2, 3))
    np.testing.assert_array_equal(data, values[:3].transpose(1, 2, 0))


def palette(path, nodata=None):
    numbers = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    Raster(numbers, at(0, 0), nodata=nodata).write(path)
    table = {i: (255 - i, i * 7 % 256, i, 255) for i in range(256)}
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, table)
    return np.array([table[i][:3] for i in numbers.ravel()], np.uint8).reshape(32, 32, 3), numbers[0]


def test_a_palette_is_expanded_to_its_colours(tmp_path):
    colours, _ = palette(tmp_path / "p.tif")
    survey, data = read([tmp_path / "p.tif"])
    np.testing.assert_array_equal(data, colours)
    assert "palette's colours, which are expanded" in said(survey)
    _, red = read([tmp_path / "p.tif"], bands=(1, 1, 1))
    np.testing.assert_array_equal(red, colours[..., [0, 0, 0]])


def test_a_palettes_nodata_and_clear_colours_are_empty(tmp_path):
    colours, numbers = palette(tmp_path / "p.tif", nodata=7)
    with rasterio.open(tmp_path / "p.tif") as dataset:
        rasterio.shutil.copy(dataset, tmp_path / "p.vrt", driver="VRT")
    text = (tmp_path / "p.vrt").read_text()
    for number in (9, 200):
        red, green, blue = 255 - number, number * 7 % 256, number
        entry = f'<Entry c1="{red}" c2="{green}" c3="{blue}" c4="255"'
        assert entry in text
        text = text.replace(entry, entry.replace('c4="255"', 'c4="0"'))
    (tmp_path / "p.vrt").write_text(text)
    survey = open_survey([tmp_path / "p.vrt"])
    with MosaicReader(survey, GRID) as reader:
        pixels = reader.read(corner(1, 1))
    empty = np.isin(numbers, [7, 9, 200])
    np.testing.assert_array_equal(pixels.valid, ~empty)
    np.testing.assert_array_equal(pixels.data[~empty], colours[~empty])


def test_a_palette_beside_a_colour_picture_is_one_survey(tmp_path):
    palette(tmp_path / "p.tif")
    Raster(noise(32, 32), at(32, 0)).write(tmp_path / "rgb.tif")
    assert len(open_survey([tmp_path]).sources) == 2


def test_one_bit_is_no_imagery(tmp_path):
    Raster(np.ones((1, 8, 8), np.uint8), at(0, 0), profile={"nbits": 1}).write(tmp_path / "a.tif")
    with pytest.raises(BandsError, match=r"one bit a pixel.*leave it out"):
        open_survey([tmp_path])
    Raster(noise(8, 8), at(8, 0)).write(tmp_path / "rgb.tif")
    with pytest.raises(BandsError, match=r"a\.tif has one bit a pixel"):
        open_survey([tmp_path])


def test_grey_beside_colour_says_how_to_make_them_alike(tmp_path):
    Raster(noise(8, 8, 1), at(0, 0)).write(tmp_path / "grey.tif")
    Raster(noise(8, 8), at(8, 0)).write(tmp_path / "rgb.tif")
    with pytest.raises(
        BandsError, match=r"grey\.tif has 1 band, and .*rgb\.tif has 3 bands.*gdalbuildvrt -b 1 -b 1 -b 1"
    ):
        open_survey([tmp_path])


def test_inks_that_gdal_leaves_as_they_are_are_refused(tmp_path):
    path = Raster(noise(8, 8, 4), at(0, 0)).write(tmp_path / "a.tif")
    vrt = tmp_path / "a.vrt"
    with rasterio.open(path) as dataset:
        rasterio.shutil.copy(dataset, vrt, driver="VRT")
    inks = zip(("Red", "Green", "Blue", "Alpha"), ("Cyan", "Magenta", "Yellow", "Black"), strict=True)
    text = vrt.read_text()
    for light, ink in inks:
        text = text.replace(f"<ColorInterp>{light}<", f"<ColorInterp>{ink}<")
    vrt.write_text(text)
    with pytest.raises(NotARasterError, match=r"a\.vrt holds the inks of print \(CMYK\)"):
        open_survey([vrt])


def test_inks_of_a_tiff_come_out_as_colours(tmp_path):
    inks = np.full((4, 64, 64), 0, np.uint8)
    inks[0] = 255  # all cyan, so no red
    path = Raster(inks, at(0, 0), profile={"photometric": "CMYK"}).write(tmp_path / "a.tif")
    _, data = read([path])
    assert data[0, 0].tolist() == [0, 255, 255]


def test_ycbcr_of_a_jpeg_comes_out_as_colours(tmp_path):
    values = np.full((3, 64, 64), 50, np.uint8)
    values[0] = 200
    profile = {"photometric": "YCBCR", "compress": "JPEG"}
    path = Raster(values, at(0, 0), profile=profile).write(tmp_path / "a.tif")
    _, data = read([path])
    assert np.abs(data.astype(int) - [200, 50, 50]).max() <= 3


def test_scenes_of_one_grid_are_given_one_at_a_time(tmp_path):
    for day in ("20200707", "20200814"):
        for band in range(2, 5):
            Raster(noise(40, 40, 1)).write(tmp_path / f"T18TWL_{day}T155819_B0{band}_10m.tif")
    with pytest.raises(
        BandsError, match="Several files hold the band of T18TWL_20200707T155819_B02_10m: they are scenes"
    ):
        open_survey([tmp_path])


def test_a_band_of_another_grid_may_be_left_out(tmp_path):
    for band in range(1, 8):
        Raster(noise(40, 40, 1)).write(tmp_path / f"LC08_L1TP_014032_20200703_02_T1_B{band}.tif")
    Raster(noise(80, 80, 1), at(0, 0, 0.5)).write(tmp_path / "LC08_L1TP_014032_20200703_02_T1_B8.tif")
    with pytest.raises(BandsError, match=r"B8\.tif holds one band, so there is no band 3; leave it out if"):
        open_survey([tmp_path])


def test_grey_with_alpha_is_not_made_of_alpha(tmp_path):
    path = declared(Raster(noise(40, 40, 2)).write(tmp_path / "a.tif"), "ua")
    with pytest.raises(BandsError, match="for example --bands 1,1,1"):
        open_survey([path])


def test_lab_of_a_tiff_comes_out_as_colours(tmp_path):
    lab = np.stack([np.full((40, 40), value, np.uint8) for value in (136, 80, 67)])  # 53 %, 80, 67: red
    path = Raster(lab, profile={"photometric": "CIELAB"}).write(tmp_path / "a.tif")
    survey, pixels = read([path])
    assert survey.sources[0].order == "colours"
    red, green, blue = pixels[:32, :32].reshape(-1, 3).mean(axis=0)
    assert red > 230
    assert max(green, blue) < 60
