"""A folium map of results: layers, sites, and words of strangers as text."""

import geopandas as gpd
import pytest
from shapely.geometry import box

import landuse as lu
from landuse.outputs.notebook import web_map
from tests.patchwork import OPTIONS


@pytest.fixture(scope="module")
def land(work):
    return lu.classify(*work.survey, **OPTIONS, model=work.model)


def test_a_map_lies_in_its_place_and_colours(land):
    page = land.explore(tiles=None)
    (south, west), (north, east) = page.get_bounds()
    wanted = land.to_geodataframe().total_bounds
    assert (west, south, east, north) == pytest.approx(wanted, abs=2e-4)
    text = page.get_root().render()
    assert "data:image/png;base64," in text
    assert land.folder.name in text


def test_sites_say_what_they_are_as_text(land):
    place = box(*land.to_geodataframe().total_bounds)
    words = {"from": "<script>alert(1)</script>", "to": 'O\'Brien "x"', "area_ha": 12.3456, "tier": "certain"}
    sites = gpd.GeoDataFrame({name: [value] for name, value in words.items()}, geometry=[place], crs=4326)
    text = web_map([land.folder], sites).get_root().render()
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text or "\\u0026lt;script" in text
    assert "12.3" in text
    assert "openstreetmap.org" in text


def test_change_is_explored_with_the_maps_that_were_compared(land, tmp_path):
    change = lu.diff(land, land.save(tmp_path / "later"))
    text = change.explore().get_root().render()
    assert text.count("image_overlay_") >= 2
    assert "later" in text
