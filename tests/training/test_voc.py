"""Annotation folders: object names as labels, and XML that means harm."""

import pytest

from landuse.errors import LabelsError, SourceNotFoundError
from landuse.training.listing import is_voc, read_annotation, voc_images

PLAIN = """<annotation><folder>x</folder><filename>one.jpg</filename>
<object><name>Harbor </name><part><name>boat</name></part></object>
<object><name>Water</name></object><object><name>Harbor</name></object></annotation>"""


def write(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf8")
    return folder / name


def test_labels_are_the_names_of_objects_each_once(tmp_path):
    found = read_annotation(write(tmp_path, "a.xml", PLAIN))
    assert found.filename == "one.jpg"
    assert found.names == ("Harbor", "Water")


def test_images_lie_in_their_folder_or_beside(tmp_path):
    write(tmp_path / "Annotations", "a.xml", PLAIN)
    write(tmp_path / "Annotations", "two.xml", "<annotation><object><name>Town</name></object></annotation>")
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "one.jpg").touch()
    (tmp_path / "two.png").touch()
    assert is_voc(tmp_path)
    found = voc_images(tmp_path)
    assert found.paths == (tmp_path / "JPEGImages" / "one.jpg", tmp_path / "two.png")
    assert found.labels == (("Harbor", "Water"), ("Town",))
    assert found.multi


def test_one_object_an_image_is_a_plain_label(tmp_path):
    write(tmp_path, "a.xml", "<annotation><filename>a.png</filename><object><name>Town</name></object></annotation>")
    assert not voc_images(tmp_path).multi


def test_lists_say_what_is_held_back(tmp_path):
    for name in "abcd":
        write(tmp_path / "Annotations", f"{name}.xml", PLAIN)
    assert voc_images(tmp_path).sides is None
    sets = tmp_path / "ImageSets" / "Main"
    write(sets, "train.txt", "a\n\n")
    assert voc_images(tmp_path).sides is None, "nothing is held back yet"
    write(sets, "val.txt", "b  1\n")
    found = voc_images(tmp_path)
    assert found.sides.tolist() == [False, True]
    assert len(found.skipped) == 2
    write(sets, "test.txt", "c\nmissing\n")
    write(sets, "trainval.txt", "a\nb\nc\n")
    assert voc_images(tmp_path).sides.tolist() == [False, False, True]


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/secret.png", "..\\secret.png"])
def test_an_annotation_does_not_reach_out_of_its_folder(tmp_path, name):
    write(tmp_path / "data", "a.xml", f"<annotation><filename>{name}</filename></annotation>")
    (tmp_path / "secret.png").touch()
    (path,) = voc_images(tmp_path / "data").paths
    assert path.parent.is_relative_to(tmp_path / "data")
    assert ".." not in path.parts


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation><filename>&x;</filename></annotation>',
        '<!DOCTYPE a [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><annotation><filename>&b;</filename></annotation>',
        '<!DOCTYPE annotation SYSTEM "http://example.com/x.dtd"><annotation/>',
        "<annotation><filename>a.png</annotation>",
        "<data><filename>a.png</filename></data>",
        "<?xml version='1.0' encoding='nosuch'?><annotation/>",
        "",
        "no xml",
    ],
)
def test_hostile_and_damaged_files_are_refused(tmp_path, text):
    with pytest.raises(LabelsError):
        read_annotation(write(tmp_path, "a.xml", text))
    with pytest.raises(SourceNotFoundError, match=r"a\.xml"):
        voc_images(tmp_path)


def test_damaged_files_beside_sound_ones_are_named(tmp_path):
    write(tmp_path, "a.xml", PLAIN)
    write(tmp_path, "b.xml", "<annotation>")
    found = voc_images(tmp_path)
    assert len(found.paths) == 1
    assert "b.xml" in found.skipped[0]


def test_sidecars_of_images_are_no_annotations(tmp_path):
    write(tmp_path, "a.png.aux.xml", "<PAMDataset/>")
    assert not is_voc(tmp_path)


def test_deep_nesting_costs_no_time(tmp_path):
    text = "<annotation>" + "<a>" * 200_000 + "</a>" * 200_000 + "</annotation>"
    assert read_annotation(write(tmp_path, "a.xml", text)).names == ()
