"""A sample is drawn of a change map, labelled, and says what changed."""

import csv
import json
import shutil

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

from landuse.change.result import read_change
from landuse.errors import ConfigError, OutputExistsError, SourceNotFoundError, UsageError
from landuse.evaluation.assessment import assess_sample
from landuse.evaluation.sample_files import Answer, Size, Unit, read_answers
from landuse.evaluation.sampling import allocate, strata_of, units_needed
from landuse.grid import Bounds
from landuse.options.results import DesignOptions, DiffOptions, EstimateOptions
from landuse.outputs.districts import read_districts
from landuse.stages.assess import agree, design, estimate, mapped_change
from landuse.stages.diff import diff
from tests.change.makers import classified, sharp


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    """A folder of diff over a made pair of maps, and the true classes of both dates."""
    folder = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(3)
    before = np.kron(rng.integers(0, 3, (8, 8)), np.ones((6, 6), int))
    after = before.copy()
    after[3:9, 4:12] = 1
    maps = [classified(folder / name, sharp(codes)) for name, codes in (("land_2014", before), ("land_2020", after))]
    diff(maps, folder / "change", DiffOptions())
    return folder / "change", before, after


@pytest.fixture(scope="module")
def drawn(land, tmp_path_factory):
    out = tmp_path_factory.mktemp("design") / "sample"
    return design(land[0], out, DesignOptions(units=150, least=10, seed=1))


def lines(path):
    with path.open(encoding="utf8", newline="") as stream:
        return list(csv.DictReader(stream))


def fill(drawn, path, change=lambda row, key: (key["before"], key["to"])):
    """The sample labelled by its own key, or by what `change` makes of a row of it."""
    keys = {row["sample_id"]: row for row in lines(drawn.out / "key.csv")}
    rows = lines(drawn.out / "sample.csv")
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        for row in rows:
            before, after = change(row, keys[row["sample_id"]])
            writer.writerow(row | {"before": before, "after": after})
    return path


def test_every_stratum_is_drawn_and_their_areas_are_those_of_the_land(land, drawn):
    strata = lines(drawn.out / "strata.csv")
    for row in strata:  # a stratum with fewer cells than that is drawn whole
        assert drawn.units[row["name"]] >= min(10, int(row["cells"]))
    assert [row["name"] for row in strata] == list(drawn.units)
    assert sum(int(row["cells"]) for row in strata) == land[1].size
    assert sum(float(row["area_ha"]) for row in strata) == pytest.approx(land[1].size * 5.0176, rel=2e-3)
    assert any(" -> " in name for name in drawn.units)
    assert "beside change" in drawn.units


def test_the_sample_and_its_page_are_blind(drawn):
    rows = lines(drawn.out / "sample.csv")
    assert list(rows[0]) == ["sample_id", "lon", "lat", "chip_id", "stratum", "before", "after"]
    assert {(row["before"], row["after"]) for row in rows} == {("", "")}
    page = (drawn.out / "label.html").read_text("utf8")
    assert " -> " not in page.replace("Forward &rarr;", "")
    assert "stable" not in page
    assert all(row["stratum"].isdigit() for row in rows)


def test_a_cell_is_drawn_once_and_its_point_lies_in_its_chip(land, drawn):
    rows = lines(drawn.out / "sample.csv")
    assert len({row["chip_id"] for row in rows}) == len(rows)
    import geopandas as gpd

    points = gpd.read_file(drawn.out / "sample.gpkg").to_crs(26914)
    for point, row in zip(points.geometry, rows, strict=True):
        assert row["chip_id"] == f"r{int(point.y // 224)}c{int(point.x // 224)}"


def test_the_same_seed_draws_the_same_sample(land, drawn, tmp_path):
    again = design(land[0], tmp_path / "again", DesignOptions(units=150, least=10, seed=1))
    other = design(land[0], tmp_path / "other", DesignOptions(units=150, least=10, seed=2))
    read = lambda found: (found.out / "key.csv").read_bytes()  # noqa: E731
    assert read(again) == read(drawn) != read(other)


def test_the_size_follows_the_standard_error_asked_for(land):
    strata = strata_of(mapped_change(read_change(land[0]), 0.1))
    rough, fine = units_needed(strata, 0.05), units_needed(strata, 0.02)
    assert fine == pytest.approx(rough * (0.05 / 0.02) ** 2, rel=0.1)
    assert allocate(strata, fine, 5).sum() == fine


def test_a_sample_that_agrees_with_the_map_gives_the_maps_areas(land, drawn, tmp_path):
    _, before, after = land
    estimate(fill(drawn, tmp_path / "mine.csv"), tmp_path / "out", EstimateOptions(design=drawn.out))
    areas = {(row["kind"], row["name"]): row for row in lines(tmp_path / "out" / "areas.csv")}
    accuracy = json.loads((tmp_path / "out" / "accuracy.json").read_text())
    assert accuracy["overall"]["value"] == pytest.approx(1)
    total = sum(float(row["area_ha"]) for (kind, _), row in areas.items() if kind == "transition")
    assert total == pytest.approx(before.size * 5.0176, rel=2e-3)
    changed = sum(
        float(row["area_ha"]) for (kind, name), row in areas.items() if kind == "transition" and _changes(name)
    )
    found = read_change(land[0])
    area, confirmed = found.hectares(), found.changed.sum()
    for number in np.unique(found.before[found.before > 0]).tolist():
        name = found.legend.name_of(number)
        assert float(areas["before", name]["mapped_ha"]) == pytest.approx(area[found.before == number].sum(), abs=1e-4)
        own = (found.before == number) & (found.later == number)
        kept = areas["transition", f"{name} -> {name}"]
        assert float(kept["mapped_ha"]) == pytest.approx(area[own].sum(), abs=1e-4)
    assert 0 < confirmed <= (before != after).sum()
    assert changed == pytest.approx(confirmed * 5.0176, rel=2e-3)


def _changes(name):
    before, after = name.split(" -> ")
    return before != after


def test_what_the_map_missed_is_found_with_an_interval(land, drawn, tmp_path):
    def miss(row, key):
        return (
            (key["before"], "Barren")
            if key["from"] == key["to"] and row["sample_id"].endswith("7")
            else (
                key["before"],
                key["to"],
            )
        )

    found = estimate(fill(drawn, tmp_path / "mine.csv", miss), tmp_path / "out", EstimateOptions(design=drawn.out))
    barren = [row for row in lines(tmp_path / "out" / "areas.csv") if row["name"].endswith("-> Barren")]
    assert barren
    assert all(float(row["low_ha"]) <= float(row["area_ha"]) <= float(row["high_ha"]) for row in barren)
    assert found.figures()["overall"]["value"] < 1


def test_unsure_and_open_units_are_left_out_and_said(drawn, tmp_path):
    def part(row, key):
        number = int(row["sample_id"][1:])
        return ("unsure", key["to"]) if number % 5 == 0 else ("", "") if number % 7 == 0 else (key["before"], key["to"])

    found = estimate(fill(drawn, tmp_path / "mine.csv", part), tmp_path / "out", EstimateOptions(design=drawn.out))
    assert found.unsure == 30
    assert any("cannot be told" in note for note in found.notes)


def test_golden_g4_from_files(tmp_path):
    """The worked example of Olofsson et al. 2014, in which the strata are the map's classes."""
    classes = [("Forest", "Other"), ("Other", "Forest"), ("Forest", "Forest"), ("Other", "Other")]
    counts = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
    units, answers = {}, []
    for stratum, row in enumerate(counts):
        for truth, count in enumerate(row):
            for _ in range(count):
                name = f"s{len(units)}"
                units[name] = Unit(name, 0, 0, "", str(stratum), classes[stratum], classes[stratum])
                answers.append(Answer(name, *classes[truth]))
    sizes = {str(i): Size(share * 900_000) for i, share in enumerate((0.020, 0.015, 0.320, 0.645))}
    found = assess_sample(units, answers, sizes)
    part = found.parts["transition"]
    order = [part.names.index(" -> ".join(pair)) for pair in classes]
    np.testing.assert_allclose(part.found.areas.value[order], [21_158, 11_686, 285_770, 581_386], atol=1)
    np.testing.assert_allclose(part.found.areas.half_width[order], [6_158, 3_756, 15_510, 16_282], atol=1)
    figures = found.figures()
    assert figures["overall"]["value"] == pytest.approx(0.9465, abs=5e-5)
    assert figures["quantity"] == pytest.approx(0.0045, abs=5e-5)
    found.write(tmp_path)
    written = {row["name"]: row for row in lines(tmp_path / "areas.csv") if row["kind"] == "transition"}
    row = written["Forest -> Other"]
    assert float(row["high_ha"]) - float(row["area_ha"]) == pytest.approx(6_158, abs=1)


def units_of(strata):
    return {f"s{i}": Unit(f"s{i}", 0, 0, "", name, ("A", "A"), ("A", "A")) for i, name in enumerate(strata)}


def test_one_answer_in_a_stratum_withholds_intervals_and_none_leaves_the_stratum_out():
    units = units_of(["1", "1", "1", "2", "3"])
    answers = [Answer(f"s{i}", "A", "A") for i in range(4)]
    found = assess_sample(units, answers, {"1": Size(50), "2": Size(30), "3": Size(20)})
    assert found.figures()["overall"]["se"] is None
    assert any("withheld" in note for note in found.notes)
    assert any("20.0 ha are left out" in note for note in found.notes)
    assert found.parts["after"].found.areas.value.sum() == pytest.approx(80)


def test_a_stratum_drawn_as_a_whole_leaves_nothing_uncertain():
    units = units_of(["1", "1", "1", "2"])
    answers = [Answer("s0", "A", "B"), *(Answer(f"s{i}", "A", "A") for i in range(1, 4))]
    found = assess_sample(units, answers, {"1": Size(90, 18), "2": Size(5, 1)})
    lone = assess_sample(units_of(["1"] * 3), answers[:3], {"1": Size(90)})
    assert not any("withheld" in note for note in found.notes)
    error, endless = (f.parts["after"].found.areas.error for f in (found, lone))
    np.testing.assert_allclose(error, endless * np.sqrt(1 - 3 / 18))


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([Answer("s9", "A", "A")], "not of this design"),
        ([Answer("s0", "", "")], "nothing can be estimated"),
        ([Answer("s0", "unsure", "A")], "nothing can be estimated"),
    ],
)
def test_answers_that_say_nothing_are_one_sentence(answers, says):
    with pytest.raises(ConfigError, match=says):
        assess_sample(units_of(["1"]), answers, {"1": Size(1)})


def test_two_people_are_compared(drawn, tmp_path):
    first = fill(drawn, tmp_path / "a.csv")
    second = fill(
        drawn,
        tmp_path / "b.csv",
        lambda row, key: ("Water", "Water") if row["sample_id"] == "s0003" else (key["before"], key["to"]),
    )
    found = agree(first, second, tmp_path / "both")
    assert len(found.apart) == 1
    assert 0.9 < found.kappa < 1
    assert [row["sample_id"] for row in lines(tmp_path / "both" / "disagreements.csv")] == ["s0003"]


def test_answers_count_as_a_spreadsheet_saves_them(land, drawn, tmp_path):
    """Semicolons, capitals in the header and the answers, and empty rows at the end."""
    plain = fill(drawn, tmp_path / "plain.csv")
    header, *rows = plain.read_text("utf8").splitlines()
    saved = tmp_path / "saved.csv"
    rows = [row.upper().replace("S0", "s0", 1) for row in rows]
    lines = [header.title(), *rows, ",,,,,,", ",,,,,,"]
    saved.write_text("\r\n".join(lines).replace(",", ";"), encoding="utf-8-sig")
    found = estimate(saved, tmp_path / "out", EstimateOptions(design=drawn.out))
    assert found.figures() == estimate(plain, tmp_path / "same", EstimateOptions(design=drawn.out)).figures()
    assert not any("have no" in note for note in found.notes)
    assert agree(plain, saved, tmp_path / "both").same == 1


def test_a_slip_of_the_pen_is_told(land, drawn, tmp_path):
    path = fill(drawn, tmp_path / "slip.csv", lambda row, key: (key["before"], "Watr"))
    found = estimate(path, tmp_path / "out", EstimateOptions(design=drawn.out))
    assert "The maps have no Watr at any unit" in found.notes[0]


def test_bad_input_is_one_sentence(land, drawn, tmp_path):
    with pytest.raises(SourceNotFoundError, match="give a folder of landuse diff"):
        design(land[0].parent / "land_2014", tmp_path / "no")
    with pytest.raises(OutputExistsError, match="--fresh"):
        design(land[0], drawn.out)
    with pytest.raises(UsageError, match="--target-se"):
        DesignOptions(target_se=1)
    (tmp_path / "bad.csv").write_text("sample_id,before\n1,A\n")
    with pytest.raises(ConfigError, match="no column 'after'"):
        read_answers(tmp_path / "bad.csv")
    (tmp_path / "twice.csv").write_text("sample_id,before,after\n1,A,A\n1,A,A\n")
    with pytest.raises(ConfigError, match="twice"):
        read_answers(tmp_path / "twice.csv")


def test_the_commands_say_what_they_did(land, drawn, tmp_path):
    from click.testing import CliRunner

    from landuse.cli.main import landuse

    run = lambda *words: CliRunner().invoke(landuse, ["assess", *map(str, words)], catch_exceptions=False)  # noqa: E731
    said = run("design", land[0], "--out", tmp_path / "d", "--units", 40, "--least", 4).output
    assert "40 cells drawn" in said
    assert "label.html" in said
    path = fill(drawn, tmp_path / "mine.csv")
    said = run("estimate", path, "--design", drawn.out, "--out", tmp_path / "e").output
    assert "150 cells answered" in said
    assert "+- 0.0%" in said
    one = path.read_text().splitlines()[:2]
    (tmp_path / "one.csv").write_text("\n".join(one) + "\n")
    said = run("estimate", tmp_path / "one.csv", "--design", drawn.out, "--out", tmp_path / "h").output
    assert "without an interval" in said
    assert "nan" not in said
    assert "right on 100.0% of the land" in said
    assert "100.0%" in run("agree", path, path, "--out", tmp_path / "f").output
    (tmp_path / "c.yaml").write_text("units: 30\nleast: 3\n")
    said = run("design", land[0], "--out", tmp_path / "g", "--config", tmp_path / "c.yaml").output
    assert "30 cells drawn" in said


def towns(land, path):
    """A town that the map's western half fills and that reaches beyond it, and a hamlet of three cells."""
    change = read_change(land[0])
    west, north, side = change.transform.c, change.transform.f, change.transform.a
    half, height = side * land[1].shape[1] / 2, side * land[1].shape[0]
    shapes = [
        shapely.box(west - 1000.3, north - height + 77.7, west + half + 33.3, north),
        shapely.box(west + half + 10 * side, north - 2 * side, west + half + 13 * side, north - side),
    ]
    geopandas.GeoDataFrame({"name": ["Town", "Hamlet"]}, geometry=shapes, crs=change.crs).to_file(path)
    return path


def test_districts_have_areas_that_add_up_and_a_hamlet_has_none(land, drawn, tmp_path):
    file = towns(land, tmp_path / "towns.gpkg")
    answers, out = fill(drawn, tmp_path / "mine.csv"), tmp_path / "areas"
    found = estimate(answers, out, EstimateOptions(design=drawn.out, districts=file))
    rows = pd.read_csv(out / "districts.csv")
    area = rows[rows.district == "Town"].groupby("kind").area_ha.sum()
    mapped = rows.groupby(["district", "kind"]).mapped_ha.sum()
    whole = read_districts(file, None, read_change(land[0]).crs, Bounds(*geopandas.read_file(file).total_bounds))
    areas = dict(zip(whole.names, whole.areas_ha, strict=True))
    np.testing.assert_allclose(area, areas["Town"], rtol=1e-3)
    np.testing.assert_allclose(mapped["Town"], areas["Town"], rtol=1e-3)
    np.testing.assert_allclose(mapped["Hamlet"], areas["Hamlet"], rtol=1e-3)
    hamlet = rows[(rows.district == "Hamlet") & (rows.name != "(not compared)")]
    assert hamlet.area_ha.isna().all()
    assert any("Hamlet" in note for note in found.notes)
    town = rows[(rows.district == "Town") & (rows.units >= 5)]
    assert ((town.mapped_ha >= town.low_ha - 1e-3) & (town.mapped_ha <= town.high_ha + 1e-3)).mean() > 0.8
    assert rows[(rows.units > 0) & (rows.units < 5)].low_ha.isna().all()


def test_districts_need_the_folder_of_the_design(land, drawn, tmp_path):
    file, alone = towns(land, tmp_path / "towns.gpkg"), tmp_path / "alone"
    alone.mkdir()
    for name in ("sample.csv", "key.csv", "strata.csv"):
        shutil.copyfile(drawn.out / name, alone / name)
    with pytest.raises(SourceNotFoundError, match=r"run\.json"):
        estimate(fill(drawn, alone / "mine.csv"), tmp_path / "areas", EstimateOptions(districts=file))
