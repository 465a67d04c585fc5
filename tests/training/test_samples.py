"""Samples of every kind of data: targets, places, groups, and what is skipped."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from landuse.errors import ChipTableError, ConfigError, LabelsError, NoOverlapError, SourceNotFoundError, UsageError
from landuse.legend import Legend, load_legend
from landuse.options.survey import TileOptions
from landuse.scoring import ScoreSettings
from landuse.stages.tile import tile
from landuse.training import reading as embedding
from landuse.training.reading import read_samples
from landuse.training.samples import SampleSettings
from tests.patchwork import COLOURS, OPTIONS, patchwork

NAMES = ("Field", "Water", "Town")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return patchwork(tmp_path_factory.mktemp("survey"), rows=12, cols=16)


@pytest.fixture(scope="module")
def chips(work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chips") / "a"
    tile(work.survey, folder, TileOptions(**OPTIONS, labels=work.labels, legend=str(work.legend)))
    return folder


@pytest.fixture
def settings(work, tmp_path):
    return SampleSettings(
        ScoreSettings(work.model, features=True), None, 0.0, tmp_path / "parts", cache=tmp_path / "cache"
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Six plain images, two a class, and one that is no image."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(6):
        noise = rng.integers(-10, 11, (40, 50, 3))
        Image.fromarray((COLOURS[i % 3] + noise).clip(0, 255).astype(np.uint8)).save(root / f"{i}.png")
    (root / "broken.png").write_bytes(b"no image")
    return root


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def with_column(chips, folder, name, values):
    """The chip table with one more column, its rows in another order."""
    folder.mkdir()
    table = pq.read_table(chips / "chips.parquet")
    metadata = table.schema.metadata
    table = table.append_column(name, pa.array(values)).replace_schema_metadata(metadata)
    pq.write_table(table.take(np.arange(len(table))[::-1]), folder / "chips.parquet")
    return folder


def test_a_table_of_images(pictures, settings, tmp_path):
    path = write(
        tmp_path / "t.csv",
        "path,label,weight,split,site",
        *(f"{i}.png,{NAMES[i % 3]},{i + 1},{'test' if i > 3 else 'train'},s{i // 2}" for i in range(6)),
        "broken.png,Field,1,train,s0",
        "missing.png,Field,1,train,s0",
    )
    found = read_samples([path], replace(settings, root=pictures, group_by="site"))
    assert found.legend.names == tuple(sorted(NAMES))
    assert [found.legend.name_of(c) for c in found.labels] == [NAMES[i % 3] for i in range(6)]
    assert found.weights.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.layout.sides.tolist() == [False] * 4 + [True] * 2
    assert found.layout.groups.tolist() == ["s0", "s0", "s1", "s1", "s2", "s2"]
    assert sorted(s.split(":")[0].rpartition("/")[2] for s in found.skipped) == ["broken.png", "missing.png"]
    with pytest.raises(NoOverlapError, match="can be read"):
        read_samples([path], settings)
    with pytest.raises(ConfigError, match="--root"):
        read_samples([write(tmp_path / "u.csv", "path,label", "../a.png,Town")], replace(settings, root=pictures))
    with pytest.raises(SourceNotFoundError, match="is no table of CSV or Parquet"):
        read_samples([write(tmp_path / "labels.json", "{}", "{}")], settings)
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        read_samples([path], replace(settings, root=tmp_path / "nowhere"))


def test_lists_of_labels_become_a_matrix(work, pictures, settings, tmp_path):
    path = write(tmp_path / "t.csv", "path,labels", "0.png,Field;Town", "1.png,Water", "2.png,Sea;Town", "3.png,Sea")
    found = read_samples([path], replace(settings, root=pictures, legend=load_legend(str(work.legend))))
    assert found.multi
    assert found.targets.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    assert found.ignored == {"Sea": 2}


def test_annotations(pictures, settings, tmp_path):
    (tmp_path / "voc" / "Annotations").mkdir(parents=True)
    for i, names in enumerate((("Field", "Water"), ("Water",), ())):
        objects = "".join(f"<object><name>{n}</name></object>" for n in names)
        write(
            tmp_path / "voc" / "Annotations" / f"{i}.xml",
            f"<annotation><filename>{i}.png</filename>{objects}</annotation>",
        )
    (tmp_path / "voc" / "JPEGImages").symlink_to(pictures)
    found = read_samples([tmp_path / "voc"], settings)
    assert found.targets.tolist() == [[1, 1], [0, 1], [0, 0]]
    assert found.multi


def test_labels_by_chip_id(work, chips, settings, tmp_path):
    table = pq.read_table(chips / "chips.parquet", columns=["chip_id", "label"]).to_pydict()
    lines = [f"{c},{n}" for c, n in zip(table["chip_id"], table["label"], strict=True)]
    path = write(tmp_path / "t.csv", "chip_id,label", "r1c1,Water", *reversed(lines[:50]), "nonsense,Water")
    found = read_samples([path], replace(settings, root=chips))
    known = read_samples([chips], settings)
    assert np.array_equal(found.features, known.features[:50])
    assert np.array_equal(found.labels, known.labels[:50])
    assert len(found.layout.places) == 50
    assert [s.split(":")[0] for s in found.skipped] == ["r1c1", "nonsense"]
    with pytest.raises(ConfigError, match="twice"):
        read_samples([write(tmp_path / "u.csv", "chip_id,label", lines[0], lines[0])], replace(settings, root=chips))
    with pytest.raises(NoOverlapError, match="Not one line"):
        read_samples([write(tmp_path / "v.csv", "chip_id,label", "r1c1,Water")], replace(settings, root=chips))
    with pytest.raises(SourceNotFoundError, match="chip table"):
        read_samples([path], settings)


def test_soft_labels_are_the_shares_of_the_ground(work, settings, tmp_path):
    wide = TileOptions(chip_m=48.0, chip_px=32, labels=work.labels, legend=str(work.legend))
    chips = tile(work.survey, tmp_path / "wide", wide)
    soft = read_samples([tmp_path / "wide"], replace(settings, soft=True))
    hard = read_samples([tmp_path / "wide"], settings)
    assert soft.targets.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert ((soft.targets > 0).sum(axis=1) > 1).any()
    shares = chips.shares[chips.labels > 0]
    assert np.allclose(soft.targets, shares / shares.sum(axis=1, keepdims=True), atol=1e-6)
    assert (soft.targets[np.arange(len(hard)), hard.positions] >= soft.targets.max(axis=1) - 1e-6).all()
    assert soft.digest != hard.digest
    with pytest.raises(UsageError, match="area shares"):
        read_samples([write(tmp_path / "t.csv", "path,label", "a,b")], replace(settings, soft=True))


def test_chips_by_a_column_of_groups(chips, settings, tmp_path):
    table = pq.read_table(chips / "chips.parquet", columns=["row", "col"]).to_pydict()
    county = [f"c{row % 3}" for row in table["row"]]
    found = read_samples([with_column(chips, tmp_path / "b", "county", county)], replace(settings, group_by="county"))
    assert found.layout.groups.tolist() == [f"c{row % 3}" for row in found.layout.places.rows.tolist()]
    with pytest.raises(ChipTableError, match="county"):
        read_samples([chips], replace(settings, group_by="county"))
    (tmp_path / "folders" / "Town").mkdir(parents=True)
    (tmp_path / "folders" / "Town" / "a.png").touch()
    with pytest.raises(UsageError, match="--group-by"):
        read_samples([tmp_path / "folders"], replace(settings, group_by="county"))


def test_features_are_computed_once(chips, pictures, settings, tmp_path, monkeypatch):
    path = write(tmp_path / "t.csv", "path,label", *(f"{i}.png,{NAMES[i % 3]}" for i in range(5)))
    first = read_samples([path], replace(settings, root=pictures))
    some_chips = read_samples([chips], replace(settings, min_purity=0.999))

    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr("landuse.training.chip_samples.score_chips", refuse)
    monkeypatch.setattr(embedding, "embed_files", refuse)
    (tmp_path / "moved").mkdir()
    for i in range(5):
        (tmp_path / "moved" / f"{i}.png").write_bytes((pictures / f"{i}.png").read_bytes())
    assert np.array_equal(read_samples([path], replace(settings, root=tmp_path / "moved")).features, first.features)
    assert np.array_equal(read_samples([chips], replace(settings, min_purity=0.999)).features, some_chips.features)
    write(path, "path,label", "5.png,Town", "1.png,Field")
    with pytest.raises(AssertionError, match="computed again"):
        read_samples([path], replace(settings, root=pictures))


def test_only_new_images_are_computed(pictures, settings, tmp_path, monkeypatch):
    path = write(tmp_path / "t.csv", "path,label", "0.png,Field", "1.png,Water")
    read_samples([path], replace(settings, root=pictures))
    seen = []
    embed = embedding.embed_files
    monkeypatch.setattr(
        embedding, "embed_files", lambda job, paths: seen.extend(p.name for p in paths) or embed(job, paths)
    )
    write(path, "path,label", "2.png,Town", "0.png,Field", "1.png,Water")
    found = read_samples([path], replace(settings, root=pictures))
    assert seen == ["2.png"]
    plain = read_samples([path], replace(settings, root=pictures, cache=None))
    assert np.allclose(found.features, plain.features, atol=1e-6)
    assert found.digest == plain.digest


@pytest.mark.parametrize("label", ["x" * 81, "for\x07est", "\u202etserof"])
def test_a_label_that_cannot_name_a_class_is_one_sentence(label):
    with pytest.raises(LabelsError, match="A label of survey cannot name a class") as caught:
        Legend.of_names(["forest", label], "survey")
    assert "\n" not in str(caught.value)


def test_a_legend_takes_what_is_legible_of_the_name_of_its_data():
    assert Legend.of_names(["forest"], "a\nb" + "c" * 100).name == "ab" + "c" * 78
    assert Legend.of_names(["forest"], "").name == "classes"


def test_class_folders_without_what_other_programs_leave_behind(tmp_path):
    from landuse.training.listing import class_folders

    for name in ("Water/a.png", "Water/._a.png", "Water/.ipynb_checkpoints/a.png", ".ipynb_checkpoints/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("__MACOSX/Water/a.png", "@eaDir/a.png", "Forest/b.PNG", "Forest/Thumbs.db", "Forest/desktop.ini"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = class_folders(tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in found.paths] == ["Forest/b.PNG", "Water/a.png"]
    assert found.labels == (("Forest",), ("Water",))
