"""Folders are complete or absent, records tell whether they are whole."""

import pytest

from landuse.errors import ConfigError, LanduseError, OutputExistsError, SourceNotFoundError
from landuse.outputs import record as records
from landuse.outputs.folder import staged_folder
from landuse.outputs.record import RunRecord, damaged_files, identify, read_record, write_record


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


def test_a_large_file_is_identified_by_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "WHOLE", 2**18)
    path = tmp_path / "large"
    content = bytearray(2**20)
    path.write_bytes(content)
    before = identify(path)
    assert before.digest.startswith("sha256-pieces:")
    content[-1] = 1
    path.write_bytes(content)
    assert identify(path).digest != before.digest


def test_identity_of_what_is_not_there_or_far_away(tmp_path):
    with pytest.raises(SourceNotFoundError, match="no file"):
        identify(tmp_path / "none")
    assert identify("s3://bucket/a.tif").size == -1
