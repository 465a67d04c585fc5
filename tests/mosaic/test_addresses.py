import contextlib
import os
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landuse.errors import NotARasterError, SourceNotFoundError
from landuse.mosaic.addresses import expand


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folder_gives_its_rasters_sorted(tmp_path):
    touch(tmp_path, "b.TIF", "a.tiff", "c.vrt", "d.jp2", "e.img", "notes.txt", "a.tiff.aux.xml", "deeper/z.tif")
    assert [path.rsplit("/", 1)[1] for path in expand([tmp_path])] == ["a.tiff", "b.TIF", "c.vrt", "d.jp2", "e.img"]


def test_pictures_of_a_folder_need_a_sidecar(tmp_path):
    touch(tmp_path, "a.jpg", "b.png", "b.pgw", "c.jpg", "c.jpg.aux.xml")
    assert [path.rsplit("/", 1)[1] for path in expand([tmp_path])] == ["b.png", "c.jpg"]


def test_globs_reach_subfolders_and_give_each_file_once(tmp_path):
    touch(tmp_path, "2/b.tif", "1/a.tif", "c.tif")
    found = expand([f"{tmp_path}/**/*.tif", tmp_path / "c.tif"])
    assert found == tuple(str(tmp_path / name) for name in ("1/a.tif", "2/b.tif", "c.tif"))


def test_order_given_is_kept(tmp_path):
    touch(tmp_path, "a.tif", "b.tif")
    assert expand([tmp_path / "b.tif", tmp_path / "a.tif"]) == (str(tmp_path / "b.tif"), str(tmp_path / "a.tif"))


def test_a_file_whose_name_looks_like_a_glob(tmp_path):
    touch(tmp_path, "year[2016].tif")
    assert expand([tmp_path / "year[2016].tif"]) == (str(tmp_path / "year[2016].tif"),)


def test_zip_archives_open_as_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("in/b.tif", b"")
        archive.writestr("a.tif", b"")
        archive.writestr("read.me", b"")
    base = f"/vsizip/{tmp_path}/all.zip"
    assert expand([tmp_path / "all.zip"]) == (f"{base}/a.tif", f"{base}/in/b.tif")


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("s3://bucket/k.tif", "/vsis3/bucket/k.tif"),
        ("gs://bucket/k.tif", "/vsigs/bucket/k.tif"),
        ("https://x.org/k.tif", "/vsicurl/https://x.org/k.tif"),
        ("HTTP://x.org/k.tif", "/vsicurl/http://x.org/k.tif"),
        ("/vsimem/k.tif", "/vsimem/k.tif"),
    ],
)
def test_remote_addresses_become_gdal_paths(given, path):
    assert expand([given]) == (path,)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"no file or folder .*gone\.tif"):
        expand([tmp_path / "gone.tif"])
    with pytest.raises(SourceNotFoundError, match=r"No file matches .*\*\.tif"):
        expand([f"{tmp_path}/*.tif"])
    with pytest.raises(SourceNotFoundError, match=r"holds no raster; nor does any folder in it"):
        expand([tmp_path])
    with pytest.raises(SourceNotFoundError, match="No source"):
        expand([])


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (["forest/a.jpg", "water/b.jpg"], "nothing says where on Earth its 2 pictures lie"),
        (["north/a.jp2", "north/._b.tif"], r"/\*\*/\*\.jp2'"),
        (["a.jpg", "north/a.tif"], r"/\*\*/\*\.tif'"),
    ],
)
def test_a_folder_without_rasters_is_told_by_what_lies_below(tmp_path, held, said):
    for name in held:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(SourceNotFoundError, match=said):
        expand([tmp_path])


def test_a_broken_zip_is_no_raster(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK but not really")
    with pytest.raises(NotARasterError, match="zip"):
        expand([tmp_path / "x.zip"])


@given(st.text(max_size=40).filter(lambda text: "\0" not in text))
def test_any_text_is_an_address_or_one_of_our_errors(text):
    with contextlib.suppress(SourceNotFoundError):
        assert all(isinstance(path, str) for path in expand([f"/nowhere/{text}"]))


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(SourceNotFoundError, match="neither a file nor a folder"):
        expand([tmp_path / "pipe.tif"])
    (tmp_path / "a.tif").touch()
    assert expand([tmp_path]) == (str(tmp_path / "a.tif"),)


@pytest.mark.parametrize("folder", [True, False])
def test_a_name_that_is_not_utf8_is_refused_in_one_sentence(tmp_path, folder):
    path = os.fsencode(tmp_path) + b"/a\xe9.tif"
    with open(path, "wb"):  # noqa: PTH123 - bytes, as the disk has them
        pass
    with pytest.raises(SourceNotFoundError, match=r"a\\udce9\.tif is not UTF-8; rename"):
        expand([tmp_path if folder else os.fsdecode(path)])
