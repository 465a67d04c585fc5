"""Folders are complete or absent, records tell whether they are whole."""

import hashlib
import os
from pathlib import Path

import pytest

from landuse.errors import ConfigError, LanduseError, OutputExistsError, RunLockedError, SourceNotFoundError
from landuse.outputs import record as records
from landuse.outputs.folder import claimed_folder, staged_folder, written_beside
from landuse.outputs.record import (
    RunRecord,
    damaged_files,
    found_inputs,
    identify,
    read_record,
    with_digest,
    write_record,
)


def write(folder, text="x"):
    (folder / "a.txt").write_text(text)
    write_record(folder, RunRecord(command="test"))


def test_a_folder_appears_whole(tmp_path):
    out = tmp_path / "deep" / "out"
    with staged_folder(out) as staging:
        write(staging)
        assert not out.exists()
    assert sorted(p.name for p in out.iterdir()) == ["a.txt", "run.json"]
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(IsADirectoryError), staged_folder(tmp_path / "out") as staging:
        write(staging)
        staging.read_text()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_earlier_result(tmp_path):
    with staged_folder(tmp_path / "out") as staging:
        write(staging, "first")
    with pytest.raises(IsADirectoryError), staged_folder(tmp_path / "out", fresh=True) as staging:
        staging.read_text()
    assert (tmp_path / "out" / "a.txt").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_result_is_replaced_only_when_asked(tmp_path):
    for fresh, text in ((False, "first"), (True, "second")):
        with staged_folder(tmp_path / "out", fresh=fresh) as staging:
            write(staging, text)
    with pytest.raises(OutputExistsError, match="--fresh"), staged_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out" / "a.txt").read_text() == "second"


@pytest.mark.parametrize("fresh", [False, True])
def test_what_landuse_did_not_write_is_never_replaced(tmp_path, fresh):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("years of work")
    with pytest.raises(OutputExistsError, match="did not write"), staged_folder(tmp_path / "out", fresh=fresh):
        pass
    assert (tmp_path / "out" / "thesis.doc").read_text() == "years of work"


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputExistsError, match="is a file"), staged_folder(tmp_path / "out"):
        pass


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LanduseError, match="Cannot write beside"), staged_folder(tmp_path / "file" / "out"):
        pass


def test_a_record_tells_what_is_missing_or_changed(tmp_path):
    with staged_folder(tmp_path / "out") as staging:
        write(staging)
    record = read_record(tmp_path / "out")
    assert record.versions["landuse"]
    assert damaged_files(tmp_path / "out", record) == {}
    (tmp_path / "out" / "a.txt").write_text("y")
    assert damaged_files(tmp_path / "out", record) == {"a.txt": "changed"}
    (tmp_path / "out" / "a.txt").unlink()
    assert damaged_files(tmp_path / "out", record) == {"a.txt": "missing"}


def test_a_record_cannot_point_out_of_its_folder(tmp_path):
    (tmp_path / "secret").write_text("x")
    record = RunRecord(command="x", outputs={"../secret": records.file_digest(tmp_path / "secret")})
    (tmp_path / "out").mkdir()
    assert damaged_files(tmp_path / "out", record) == {"../secret": "missing"}


def test_no_record_and_a_damaged_one(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"run\.json"):
        read_record(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        read_record(tmp_path)


def test_a_small_edit_of_a_large_file_is_seen_without_reading_it(tmp_path):
    """400 MiB without a block on disk; the edit lies between the pieces that used to be read."""
    path = tmp_path / "large.tif"
    with path.open("wb") as file:
        file.truncate(400 * 2**20)
    os.utime(path, ns=(0, 10**18))
    before = identify(path)
    assert (before.size, before.digest) == (400 * 2**20, None)
    with path.open("r+b") as file:
        file.seek(100_000_000)
        file.write(b"x" * 1_400_000)
    after = identify(path)
    assert after.size == before.size
    assert after.key != before.key


def test_ten_thousand_sources_are_identified_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "open", None)  # whatever opens a file fails
    paths = [tmp_path / f"{number}.tif" for number in range(100)]
    for path in paths:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    assert len({identify(path).key for path in paths * 100}) == 100


@pytest.fixture(scope="module")
def far():
    """A file of a store that does not answer: it takes six seconds to be sure of that."""
    return identify("s3://bucket/a.tif")


def test_a_digest_is_of_the_whole_content_where_it_is_asked_for(far, tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    found = with_digest(identify(tmp_path / "a"))
    assert found.digest == f"sha256:{hashlib.sha256(b'abc').hexdigest()}"
    assert with_digest(far).digest is None


def put(folder, name, text="years of work"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_file_that_comes_in_during_a_run_stays(tmp_path, fresh):
    out = tmp_path / "out"
    if fresh:
        with staged_folder(out) as staging:
            write(staging, "first")
    with pytest.raises(OutputExistsError, match="did not write"), staged_folder(out, fresh=fresh) as staging:
        write(staging, "second")
        put(out, "thesis.doc")
    assert (out / "thesis.doc").read_text() == "years of work"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert not fresh or (out / "a.txt").read_text() == "first"


def test_a_file_of_others_within_a_result_is_named(tmp_path):
    with staged_folder(tmp_path / "out") as staging:
        write(staging)
    put(tmp_path / "out", "notes.txt")
    with (
        pytest.raises(OutputExistsError, match=r"\(notes\.txt\): move it away"),
        staged_folder(tmp_path / "out", fresh=True),
    ):
        pass


def test_what_programs_leave_beside_the_files_of_a_result_goes_with_it(tmp_path):
    with staged_folder(tmp_path / "out") as staging:
        write(staging)
    for name in ("a.txt.aux.xml", ".DS_Store"):
        put(tmp_path / "out", name)
    with staged_folder(tmp_path / "out", fresh=True) as staging:
        write(staging, "second")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.txt", "run.json"]


def test_a_result_of_another_run_is_never_overwritten(tmp_path):
    with pytest.raises(OutputExistsError, match="already holds a result"), staged_folder(tmp_path / "out") as staging:
        write(staging, "mine")
        put(tmp_path / "out", "run.json", "{}")
    assert (tmp_path / "out" / "run.json").read_text() == "{}"


def test_a_stage_holds_its_folder_from_the_start(tmp_path):
    with (
        claimed_folder(tmp_path / "out", fresh=False),
        pytest.raises(RunLockedError, match="Another run"),
        claimed_folder(tmp_path / "out", fresh=False),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [False, True])
def test_a_link_is_followed_and_stays(tmp_path, there):
    real = tmp_path / "disk" / "maps"
    real.parent.mkdir()
    if there:
        real.mkdir()
    (tmp_path / "out").symlink_to(real)
    with claimed_folder(tmp_path / "out", fresh=False) as target, staged_folder(target) as staging:
        assert staging.parent == real.parent
        write(staging)
    assert (tmp_path / "out").is_symlink()
    assert (real / "a.txt").read_text() == "x"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["disk", "out"]


def test_a_geodatabase_has_the_identity_of_its_files(tmp_path):
    folder = tmp_path / "wards.gdb"
    folder.mkdir()
    with pytest.raises(SourceNotFoundError, match="no file"):
        identify(folder)
    (folder / "a").write_bytes(b"abc")
    (folder / "b").write_bytes(b"de")
    before = identify(folder)
    assert before.size == 5
    os.utime(folder / "b", ns=(0, 2 * 10**18))
    assert identify(folder).modified == str(2 * 10**18) != before.modified


def test_inputs_are_found_from_any_folder_and_where_they_were_moved_together(tmp_path, monkeypatch):
    (tmp_path / "a" / "map").mkdir(parents=True)
    (tmp_path / "a" / "change").mkdir()
    (tmp_path / "a" / "map" / "landuse.tif").write_bytes(b"abc")
    monkeypatch.chdir(tmp_path / "a")
    record = RunRecord(command="diff", inputs=(identify("map/landuse.tif"),))
    monkeypatch.chdir(tmp_path)
    assert found_inputs(Path("a/change"), record) == [tmp_path / "a" / "map" / "landuse.tif"]
    (tmp_path / "a").rename(tmp_path / "b")
    assert found_inputs(Path("b/change"), record) == [tmp_path / "b" / "map" / "landuse.tif"]
    (tmp_path / "b" / "map" / "landuse.tif").write_bytes(b"another map")
    assert found_inputs(Path("b/change"), record) == [tmp_path / "a" / "map" / "landuse.tif"]


def test_what_the_body_reads_is_not_told_as_what_cannot_be_written(tmp_path):
    with pytest.raises(SourceNotFoundError, match="There is no file x"), written_beside(tmp_path / "page.html"):
        raise SourceNotFoundError("There is no file x.")


def test_identity_of_what_is_not_there_or_far_away(far, tmp_path):
    with pytest.raises(SourceNotFoundError, match="no file"):
        identify(tmp_path / "none")
    assert far.size == -1
