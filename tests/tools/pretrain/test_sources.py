import numpy as np
import pytest
from PIL import Image

from landuse.errors import SourceNotFoundError
from landuse.legend import load_legend
from tools.pretrain.sources import near_duplicates, read_source

LEGEND = load_legend("landuse7")


def folders(root, names, each=10, seed=0):
    rng = np.random.default_rng(seed)
    for name in names:
        (root / name).mkdir(parents=True)
        for number in range(each):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(pixels).save(root / name / f"{name}{number:02d}.png")
    return root


def test_the_last_fifth_of_every_class_is_held_out(tmp_path):
    source = read_source(folders(tmp_path / "a", ("beach", "harbor", "river")))
    assert source.folders == ("beach", "harbor", "river")
    assert np.flatnonzero(source.held_out).tolist() == [8, 9, 18, 19, 28, 29]
    assert source.images(32).shape == (30, 32, 32, 3)


def test_folders_of_three_collections_become_classes_of_one_legend(tmp_path):
    source = read_source(folders(tmp_path / "a", ("SeaLake", "farmland", "harbor", "mountain", "Pasture"), each=1))
    named = dict(zip(source.folders, source.classes(LEGEND).tolist(), strict=True))
    names = {folder: LEGEND.names[label] if label >= 0 else None for folder, label in named.items()}
    assert names == {
        "SeaLake": "Water", "farmland": "Cultivated", "harbor": None, "mountain": None, "Pasture": "Herbaceous",
    }  # fmt: skip


def test_one_of_so_many_of_the_first_images_is_taken(tmp_path):
    source = read_source(folders(tmp_path / "a", ("beach",)), every=2, most=6)
    assert [path.stem for path in source.paths] == ["beach00", "beach02", "beach04"]


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(SourceNotFoundError, match="class folders"):
        read_source(tmp_path)


def test_an_image_in_two_collections_is_found_whatever_its_size_and_light(tmp_path):
    one = read_source(folders(tmp_path / "one", ("beach",)))
    folders(tmp_path / "two", ("beach",), seed=1)
    with Image.open(one.paths[3]) as image:
        image.resize((100, 100)).point(lambda value: value // 2 + 40).save(tmp_path / "two" / "beach" / "copy.jpg")
    assert near_duplicates([one, read_source(tmp_path / "two")]) == [
        (one.paths[3], tmp_path / "two" / "beach" / "copy.jpg")
    ]
