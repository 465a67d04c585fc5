"""Legends: shipped ones are whole, hostile ones are refused, crosswalks follow the published table."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landuse.errors import ConfigError
from landuse.legend import Legend, legend_of, load_legend, shipped_legends
from landuse.plain_yaml import read_yaml

NLCD6 = {
    "Developed": {21, 22, 23, 24},
    "Barren": {31},
    "Forest": {41, 42, 43, 90},
    "Shrub": {51, 52},
    "Herbaceous": {71, 72, 73, 74, 95},
    "Cultivated": {81, 82},
}


@pytest.mark.parametrize("name", shipped_legends())
def test_every_shipped_legend_loads_and_has_distinct_colours(name):
    legend = load_legend(name)
    assert legend.name == name
    assert len({c.color.lower() for c in legend.classes}) == len(legend)


def test_what_ships():
    assert {"nlcd6", "nlcd8", "nlcd16", "groups3", "landuse7"} <= set(shipped_legends())


def test_nlcd6_is_golden_g6():
    legend = load_legend("nlcd6")
    codes = np.arange(256)
    classes = legend.classify_codes(codes)
    for land_class in legend.classes:
        assert set(codes[classes == land_class.code].tolist()) == NLCD6[land_class.name]
    assert set(np.flatnonzero(classes == 0)) >= {0, 11, 12, 255}


@pytest.mark.parametrize("name", ["nlcd6", "nlcd8", "nlcd16", "landuse7"])
def test_every_class_has_one_of_the_three_groups(name):
    legend, groups = load_legend(name), load_legend("groups3")
    table = legend.regroup(groups)
    assert table[0] == 0
    assert {groups.name_of(int(table[c.code])) for c in legend.classes} == {"Developed", "Cultivated", "Undeveloped"}


def contrast_for(matrix, a, b):
    """Distance of two colours as a dichromat sees them, by a linear projection of linear RGB."""
    linear = [matrix @ (np.array(c.rgb) / 255) ** 2.2 for c in (a, b)]
    return float(np.linalg.norm(linear[0] ** (1 / 2.2) - linear[1] ** (1 / 2.2)))


@pytest.mark.parametrize(
    "matrix",
    [
        # Viénot, Brettel and Mollon 1999: protanopia and deuteranopia, linear RGB to linear RGB
        [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    ],
)
@pytest.mark.parametrize("name", ["nlcd6", "nlcd8", "landuse7", "groups3"])
def test_colours_differ_for_colour_blind_readers(name, matrix):
    classes = load_legend(name).classes
    pairs = [(a, b) for i, a in enumerate(classes) for b in classes[:i]]
    worst = min(pairs, key=lambda pair: contrast_for(np.array(matrix).clip(0), *pair))
    assert contrast_for(np.array(matrix).clip(0), *worst) > 0.12, worst


def test_labels_become_classes_whatever_their_case():
    legend = load_legend("landuse7")
    assert legend.code_of("RIVER") == legend.code_of("water") == 7
    assert legend.code_of("parkinglot") == 1
    assert legend.code_of("harbor") == 0


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50))
def test_any_integer_is_a_class_or_unmapped(codes):
    classes = load_legend("nlcd8").classify_codes(np.array(codes, np.int64))
    assert set(classes.tolist()) <= {0, *load_legend("nlcd8").codes}


CLASS = "{code: 1, name: A, color: '#000000'}"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[", "not YAML"),
        ("a: 1", "name"),
        (f"name: x\nname: y\nclasses: [{CLASS}]", "'name' stands twice; keep one of them .line 2."),
        ("name: x\nclasses: []", "classes"),
        (f"name: x\nclasses: [{CLASS}, {CLASS}]", "the legend: code 1 stands twice"),
        (
            "name: x\nclasses: [{code: 1, name: No, color: '#000000'}]",
            "False is no text; write names such as No or 1 in quotes",
        ),
        ("- 1", r"dictionary or instance of Legend, not \[1\]"),
        ("name: x\nclasses: [{code: -1, name: A, color: '#000000'}]", "code"),
        ("name: x\nclasses: [{code: 65536, name: A, color: '#000000'}]", "code"),
        ("name: x\nclasses: [{code: 1, name: A, color: red}]", "color"),
        ('name: x\nclasses: [{code: 1, name: "A\\nB", color: "#000000"}]', "cannot be printed"),
        ('name: x\nclasses: [{code: 1, name: "A\\u202eB", color: "#000000"}]', "cannot be printed"),
        ("name: x\nclasses: [{code: 1, name: A, color: '#000000', run: 1}]", "run"),
        ("!!python/object/apply:os.system ['true']", "not YAML"),
        (
            "name: x\nclasses: [{code: 1, name: A, color: '#000000', sources: [1]}, "
            "{code: 2, name: B, color: '#000001', sources: [1]}]",
            "two classes",
        ),
    ],
)
def test_a_bad_legend_is_one_sentence(text, what):
    with pytest.raises(ConfigError, match=what) as caught:
        legend_of(read_yaml(text, "legend.yaml", "legend"), "legend.yaml")
    assert "\n" not in str(caught.value)


def test_a_legend_of_other_bytes_or_without_end_is_one_sentence(tmp_path):
    (tmp_path / "image.tif").write_bytes(b"II*\0\xff\xfe")
    with pytest.raises(ConfigError, match="no text file"):
        load_legend(str(tmp_path / "image.tif"))
    with pytest.raises(ConfigError, match="nested too deeply"):
        legend_of(read_yaml("[" * 600, "deep", "legend"), "deep")


def test_a_legend_nobody_ships_is_named_with_those_that_do():
    with pytest.raises(ConfigError, match="nlcd6"):
        load_legend("nosuch")


def test_a_group_that_the_regrouping_lacks_is_refused():
    legend = Legend.model_validate(
        {"name": "x", "classes": [{"code": 1, "name": "A", "color": "#000000", "group": "Sea"}]}
    )
    with pytest.raises(ConfigError, match="'Sea'"):
        legend.regroup(load_legend("groups3"))


def test_a_map_of_a_legend_is_read_by_its_own_codes():
    own = load_legend("nlcd6").as_mapped()
    assert own.classify_codes(np.array([0, 1, 6, 21])).tolist() == [0, 1, 6, 0]
    assert own.names == load_legend("nlcd6").names


def legend(*classes, name="x"):
    return Legend.model_validate({"name": name, "classes": [{"color": "#000000", **c} for c in classes]})


def test_dynamic_world_gives_its_water_a_code_and_keeps_the_others():
    found = load_legend("dynamicworld")
    assert found.classify_codes(np.arange(-1, 10)).tolist() == [0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0]
    assert found.name_of(9) == "Water"


@pytest.mark.parametrize(
    ("classes", "codes", "sources"),
    [
        ([{"code": 0, "name": "Water"}, {"code": 6, "name": "Built"}], [0, 6], (99, 6)),
        (
            [{"code": 0, "name": "Water", "sources": [11]}, {"code": 99, "name": "Built", "sources": [21]}],
            [11, 21],
            (98, 99),
        ),
    ],
)
def test_a_class_with_the_code_0_gets_a_spare_one(classes, codes, sources):
    found = legend(*classes)
    assert found.codes == sources
    assert found.classify_codes(np.array(codes)).tolist() == list(sources)
    assert Legend.model_validate(found.model_dump(mode="json")) == found


def test_codes_above_255_take_16_bits_and_no_others_do():
    wide = legend({"code": 111, "name": "A"}, {"code": 523, "name": "B"})
    assert wide.dtype == np.uint16
    assert wide.classify_codes(np.array([111, 523, 524, 70_000])).tolist() == [111, 523, 0, 0]
    assert wide.positions(np.array([523, 111, 0], np.uint16)).tolist() == [1, 0, -1]
    assert load_legend("nlcd16").classify_codes(np.array([11])).dtype == np.uint8


@pytest.mark.parametrize(
    "label", ["Forêt claire", "Fore\u0302t claire", " forêt\u00a0 CLAIRE ", "FORÊT CLAIRE", "\ufeffForêt claire"[1:]]
)
def test_spaces_case_and_unicode_form_do_not_part_names(label):
    assert legend({"code": 4, "name": "Forêt claire"}).code_of(label) == 4


def test_a_name_as_it_stands_comes_before_one_that_is_alike():
    found = legend({"code": 1, "name": "water"}, {"code": 2, "name": "Water"})
    assert (found.code_of("water"), found.code_of("Water"), found.code_of("WATER")) == (1, 2, 1)


def test_other_classes_forget_what_was_looked_up_in_the_first():
    one = legend({"code": 1, "name": "A"})
    assert one.name_of(1) == "A"
    other = one.with_classes(legend({"code": 2, "name": "B"}).classes)
    assert other.name_of(2) == "B"
    assert other.code_of("A") == 0


def test_names_alone_make_a_legend_and_alike_ones_a_class():
    found = Legend.of_names(["forest", "Forest ", "water"], "survey")
    assert found.names == ("forest", "water")
    assert found.codes == (1, 2)


@pytest.mark.parametrize(
    ("name", "code", "class_name"), [("corine5", 523, "Water bodies"), ("worldcover", 80, "Permanent water bodies")]
)
def test_european_and_global_products_ship(name, code, class_name):
    found = load_legend(name)
    assert found.name_of(int(found.classify_codes(np.array([code]))[0])) == class_name
    assert found.regroup(load_legend("groups3"))[list(found.codes)].all()


def test_the_legend_in_the_docs_is_one():
    text = (Path(__file__).parents[1] / "docs" / "legends.md").read_text("utf8")
    found = legend_of(
        read_yaml(text.split("```yaml\n")[1].split("```")[0], "docs/legends.md", "legend"), "docs/legends.md"
    )
    assert (found.names, found.dtype) == (("Built", "Forêt", "Sea"), np.uint16)
    assert all(f"`{name}`" in text for name in shipped_legends())
