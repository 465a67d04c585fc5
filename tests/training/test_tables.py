"""Tables of labels: what is read, what is skipped, what is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from landuse.errors import ConfigError, SourceNotFoundError, UsageError
from landuse.training.tables import inside, read_table, table_images


def table(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_text(text, "utf8")
    return path


def test_plain_labels_with_weights_splits_and_groups(tmp_path):
    path = table(
        tmp_path,
        "path,label,weight,split,county,other\n"
        "a.png,Water,2,train,Kent,1\n"
        "b/c.png,Town,0.5,test,Sussex,x\n"
        ",Town,1,train,Kent,\n"
        "d.png,,1,train,Kent,\n",
    )
    found = read_table(path, "county")
    assert (found.key, found.keys, found.multi) == ("path", ("a.png", "b/c.png"), False)
    assert found.labels == (("Water",), ("Town",))
    assert found.weights.tolist() == [2, 0.5]
    assert found.sides.tolist() == [False, True]
    assert found.groups.tolist() == ["Kent", "Sussex"]
    assert [s.split(":")[0][-6:] for s in found.skipped] == ["line 4", "line 5"]
    images = table_images(found, None)
    assert images.paths == (tmp_path / "a.png", tmp_path / "b" / "c.png")


def test_lists_of_labels_in_both_formats(tmp_path):
    text = table(tmp_path, "chip_id,labels\nr1c2,Water; Town ;Water\nr1c3,Town\n")
    pq.write_table(
        pa.table({"chip_id": ["r1c2", "r1c3", "r1c4"], "label": [["Water", "Town"], ["Town"], []]}),
        tmp_path / "t.parquet",
    )
    first, second = read_table(text), read_table(tmp_path / "t.parquet")
    assert first.labels == (("Water", "Town"), ("Town",))
    assert second.labels == (("Water", "Town"), ("Town",), ())
    assert first.multi
    assert second.multi
    assert first.key == "chip_id"


def test_numbers_stay_names_and_lists_of_one_are_plain(tmp_path):
    assert read_table(table(tmp_path, "path,label\n007,010\n1,2\n")).labels == (("010",), ("2",))
    assert read_table(table(tmp_path, "path,label\n007,010\n")).keys == ("007",)
    assert not read_table(table(tmp_path, "path,labels\na,x\nb,y\n")).multi


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,label\na,b\n", "'path' or 'chip_id'"),
        ("path,chip_id,label\na,r1c1,b\n", "'path' or 'chip_id'"),
        ("path,class\na,b\n", "'label' or 'labels'"),
        ("path,label,path\na,b,c\n", "twice"),
        ("path,label\na,b,c\n", "can be read"),
        ("path,label\na,\n", "no line"),
        ("path,label,weight\na,b,much\n", "no number"),
        ("path,label,weight\na,b,-1\n", "numbers from 0"),
        ("path,label,weight\na,b,nan\n", "numbers from 0"),
        ("", "can be read"),
        (f"path,label\na,{'x' * 81}\n", "1 to 80"),
    ],
)
def test_what_is_no_such_table(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        read_table(table(tmp_path, text))


def test_damaged_and_missing_files(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 but no more")
    (tmp_path / "t.csv").write_bytes(b"path,label\n\xff\xfe,b\n")
    for name in ("t.parquet", "t.csv"):
        with pytest.raises(ConfigError, match="can be read"):
            read_table(tmp_path / name)
    with pytest.raises(SourceNotFoundError):
        read_table(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match="'county'"):
        read_table(table(tmp_path, "path,label\na,b\n"), "county")
    with pytest.raises(UsageError, match="'later'"):
        read_table(table(tmp_path, "path,label,split\na,b,later\n"))


@pytest.mark.parametrize("name", ["../a.png", "b/../../a.png", "/etc/hostname", "link/a.png", "a\0b"])
def test_a_path_never_leaves_the_root(tmp_path, name):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="--root"):
        inside(tmp_path / "root", name, tmp_path / "t.csv")


def test_a_path_may_wander_inside(tmp_path):
    assert inside(tmp_path, "a/../b.png", tmp_path) == tmp_path / "b.png"
    assert inside(tmp_path, str(tmp_path / "c.png"), tmp_path) == tmp_path / "c.png"


def test_weights_follow_the_lines_that_are_kept(tmp_path):
    found = read_table(table(tmp_path, "path,label,weight\na,x,1\nb,,5\nc,y,3\n"))
    assert np.array_equal(found.weights, [1, 3])
