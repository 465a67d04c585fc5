"""`audit`: people look at the sites most worth it, and their answers make the list better and say how good it is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from landuse.change.passes import POSSIBLE
from landuse.change.result import ChangeResult, read_change
from landuse.change.site_file import site_table
from landuse.crs import transformer
from landuse.errors import ConfigError, SourceNotFoundError
from landuse.evaluation.audit import (
    CHOSEN,
    LOOK,
    RANDOM,
    AuditSites,
    Claim,
    Floats,
    IntArray,
    Mask,
    as_told,
    claimed,
    drawn,
    refitted,
)
from landuse.evaluation.sample_files import UNSURE, read_table, write_lines
from landuse.grid import Cell
from landuse.options.results import AuditApplyOptions, AuditOptions
from landuse.outputs.folder import staged_folder
from landuse.outputs.label_page import LabelPage, Place, Question, write_label_page
from landuse.outputs.record import RunRecord, identify, read_record, write_record
from landuse.outputs.tables import TABLES, Table, read_parquet, write_json, write_workbook
from landuse.stages.assess import pictures_of
from landuse.text import date_names

RANKING = "ranking.parquet"
SITES, KEY, SHEET, PAGE, CLAIM = "sites.csv", "key.csv", "audit.csv", "label.html", "audit.json"
COLUMNS = ("site", "from", "to", "area_ha", "cells", "probability", "tier", "lon", "lat")
ANSWER, YES, NO = "changed", "yes", "no"
LEARNT = (ANSWER, "claimed", "expected_real_share", "after_audit")
COMMAND = "audit"
Row = dict[str, str]


@dataclass(frozen=True)
class AuditDesign:
    """What is to be looked at: sites of the list, and how many of them are random and chosen."""

    out: Path
    sites: int
    random: int
    chosen: int


@dataclass(frozen=True)
class Audited:
    """What answers say.

    Attributes:
        answered: sites that people have told of; those that are unsure included.
        moved: sites among the first 50 that were not among them before.
    """

    out: Path
    answered: int
    claim: Claim
    precision: float
    confidence: float
    moved: int

    @property
    def sentence(self) -> str:
        """The claim in words."""
        share, sure = f"{self.precision:.0%}", f"{self.confidence:.0%}"
        if not self.claim.answers:
            return f"How good the list is cannot be said yet: random sites count from {LOOK} answers on, in the page's order."
        if not self.claim.sites:
            return (
                f"No part of the list can be said yet to be real in {share} of its sites at {sure} confidence: "
                f"{self.claim.real} of {self.claim.answers} random ones were real."
            )
        return (
            f"At least {share} of the first {self.claim.sites:,} sites are real, with {sure} confidence: "
            f"{self.claim.real} of {self.claim.answers} random ones among them were."
        )


def audit(change: Path, out: Path, options: AuditOptions | None = None) -> AuditDesign:
    """Draw the sites of a folder of `diff` that people are to look at, with a page on which they do.

    Args:
        out: folder to write: label.html, audit.csv (to be answered, blind), key.csv (which sites were drawn how), sites.csv
            (the list that is audited).

    Raises:
        LanduseError: the folder cannot be read, or lists no site.
    """
    options, started = options or AuditOptions(), time.perf_counter()
    found = read_change(change)
    rows = listed(found, options.top)
    if not rows:
        raise ConfigError(f"{change / SITES} lists no site, so there is nothing to audit.")
    order, lot = drawn(sites_of(rows), options.random, options.chosen, options.seed)
    chosen = [rows[site] for site in order.tolist()]
    with staged_folder(out, fresh=options.fresh) as staging:
        write_lines(staging / SITES, COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
        parts = [RANDOM if one else CHOSEN for one in lot.tolist()]
        write_lines(staging / KEY, ("site", "part"), zip((row["site"] for row in chosen), parts, strict=True))
        blank = ((row["site"], row["lon"], row["lat"], "") for row in chosen)
        write_lines(staging / SHEET, ("site", "lon", "lat", ANSWER), blank)
        write_label_page(staging / PAGE, _page(found, chosen))
        record = RunRecord(
            command=COMMAND,
            options=options.as_json(),
            inputs=(identify(change / SITES),),
            counts={"sites": len(rows), "random": int(lot.sum()), "chosen": int((~lot).sum())},
            timings={"seconds": time.perf_counter() - started},
        )
        write_record(staging, record)
    return AuditDesign(out, len(rows), int(lot.sum()), int((~lot).sum()))


def listed(found: ChangeResult, top: int) -> list[Row]:
    """The first sites of a folder of `diff`; where it lists fewer, the likeliest of the other cells after them."""
    rows = [{name: row[name] for name in COLUMNS} for row in read_table(found.folder / SITES, COLUMNS)[:top]]
    if len(rows) == top or not (found.folder / RANKING).is_file():
        return rows
    table = pq.read_table(found.folder / RANKING)
    lines, columns = (table[name].to_numpy() for name in ("row", "column"))
    beside = np.flatnonzero((table["probability"].to_numpy() < POSSIBLE) & ~found.changed[lines, columns])[
        : top - len(rows)
    ]
    x, y = found.transform * (columns[beside] + 0.5, lines[beside] + 0.5)
    lon, lat = transformer(found.crs, 4326).transform(x, y)
    hectares = float(found.ground.in_sight(slice(0, 1))[0, 0])
    cells = table.take(beside).select(["from", "to", "probability"]).to_pylist()
    for number, (cell, east, north) in enumerate(zip(cells, lon, lat, strict=True), len(rows) + 1):
        place = {"area_ha": f"{hectares:.4f}", "cells": "1", "tier": "", "lon": f"{east:.6f}", "lat": f"{north:.6f}"}
        kind = {"from": cell["from"], "to": cell["to"], "probability": f"{cell['probability']:.6f}"}
        rows.append({"site": str(number)} | kind | place)
    return rows


def apply(answers: Path, out: Path, options: AuditApplyOptions, change: Path | None = None) -> Audited:
    """Re-rank the sites of an audit by its answers, and say how many of the list are surely real enough.

    Args:
        answers: audit.csv with its column `changed` filled in, as the page exports it.
        out: folder to write: sites.csv (re-ranked) and audit.json. It may be `change`, which is then written anew.
        change: the folder of `diff` that was audited, all of whose other files go to `out` too; None takes the list alone.
    """
    started, folder = time.perf_counter(), options.design or answers.parent
    if not (folder / KEY).is_file() or read_record(folder).command != COMMAND:
        raise SourceNotFoundError(f"{folder} is no folder of landuse audit; give it with --design.")
    rows, key = read_table(folder / SITES, COLUMNS), read_table(folder / KEY, ("site", "part"))
    place, sites = {row["site"]: number for number, row in enumerate(rows)}, sites_of(rows)
    said = _answers(answers, place)
    score, vouched, claim = _learnt(sites, key, said, place, options)
    order = np.argsort(-score, kind="stable")
    moved = len(set(order[:50].tolist()) - set(range(50)))
    found = Audited(out, len(said), claim, options.precision, options.confidence, moved)
    fresh = options.fresh or out == change
    with staged_folder(out, fresh=fresh) as staging:
        record = _begun(change, staging)
        share = np.cumsum(score[order]) / np.arange(1, len(order) + 1)
        lines = (
            (*_told(rows[site], said, vouched=bool(vouched[site])), f"{down_to:.4f}", f"{score[site]:.4f}")
            for site, down_to in zip(order.tolist(), share.tolist(), strict=True)
        )
        write_lines(staging / SITES, (*COLUMNS, *LEARNT), lines)
        write_json(staging / CLAIM, figures(found))
        if (staging / TABLES).is_file():
            write_workbook(staging / TABLES, _sheets(staging))
        told = {"answers": identify(answers).model_dump(), "audit": str(folder)} | figures(found)
        seconds = {"audit_seconds": time.perf_counter() - started}
        update = {"details": record.details | {"audit": told}, "timings": record.timings | seconds}
        write_record(staging, record.model_copy(update=update))
    return found


def _learnt(
    sites: AuditSites, key: Sequence[Row], said: Mapping[str, str], place: Mapping[str, int], options: AuditApplyOptions
) -> tuple[Floats, Mask, Claim]:
    """What answers make of a list: the probability of each site, which ones are vouched for, and the claim."""
    taught = [row["site"] for row in key if row["part"] == CHOSEN and said.get(row["site"], UNSURE) != UNSURE]
    score = refitted(sites, _numbers(taught, place), np.array([said[site] == YES for site in taught], bool))
    order = np.argsort(-score, kind="stable")
    drawn_lot = [row["site"] for row in key if row["part"] == RANDOM]
    lot = drawn_lot[: next((i for i, site in enumerate(drawn_lot) if site not in said), len(drawn_lot))]
    real = np.array([said[site] == YES for site in lot], bool)  # who is unsure does not confirm
    claim = claimed(order, _numbers(lot, place), real, len(drawn_lot), (options.precision, options.confidence))
    told = {place[site]: answer == YES for site, answer in said.items() if answer != UNSURE}
    return as_told(score, order, claim, told)


def _begun(change: Path | None, staging: Path) -> RunRecord:
    if change is None:
        return RunRecord(command="audit apply")
    record = read_record(change)
    if record.command != "diff":
        raise SourceNotFoundError(f"{change} is the result of landuse {record.command}, not of diff.")
    for name in record.outputs:
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(change / name, target)
    return record


def _sheets(folder: Path) -> dict[str, Table]:
    """The tables of a comparison as its workbook has them, with its sites as they stand now."""
    sheets = {name: folder / f"{name}.parquet" for name in ("transitions", "gains", "sites", "districts")}
    return {
        name: site_table(folder / SITES) if name == "sites" else read_parquet(path)
        for name, path in sheets.items()
        if name == "sites" or path.is_file()
    }


def figures(found: Audited) -> dict[str, object]:
    """What audit.json holds."""
    claim = found.claim
    return {
        "sentence": found.sentence,
        "sites": claim.sites,
        "random_answers": claim.answers,
        "real": claim.real,
        "least_share": round(claim.low, 6),
        "precision": found.precision,
        "confidence": found.confidence,
        "answered": found.answered,
        "new_among_first_50": found.moved,
    }


def sites_of(rows: Sequence[Row]) -> AuditSites:
    """The sites of a table. Raises `ConfigError` where a figure is none."""
    pairs = sorted({(row["from"], row["to"]) for row in rows})
    try:
        probability = np.array([float(row["probability"] or 0.5) for row in rows])
        area = np.array([float(row["area_ha"]) for row in rows])
    except ValueError as error:
        raise ConfigError(f"The list of sites is damaged: {str(error)[:80]}.") from error
    return AuditSites(probability, area, np.array([pairs.index((row["from"], row["to"])) for row in rows], np.int64))


def _answers(path: Path, known: Mapping[str, int]) -> dict[str, str]:
    """What people said of sites: yes, no or unsure; those not answered are left out."""
    said = {row["site"]: row[ANSWER].casefold() for row in read_table(path, ("site", ANSWER)) if row[ANSWER]}
    alien = [site for site in said if site not in known]
    if alien:
        raise ConfigError(f"Site {alien[0][:40]!r} is not of this audit; give the folder of its audit with --design.")
    odd = [answer for answer in said.values() if answer not in (YES, NO, UNSURE)]
    if odd:
        raise ConfigError(f"{path}: an answer is {YES}, {NO} or {UNSURE}, not {odd[0][:40]!r}.")
    return said


def _told(row: Row, said: Mapping[str, str], *, vouched: bool) -> tuple[str, ...]:
    return *(row[name] for name in COLUMNS), said.get(row["site"], ""), YES if vouched else NO


def _numbers(sites: Sequence[str], place: Mapping[str, int]) -> IntArray:
    return np.array([place[site] for site in sites], np.int64)


def _page(found: ChangeResult, rows: Sequence[Row]) -> LabelPage:
    dates, cells = date_names(*found.names), None
    if found.grid is not None:
        x, y = transformer(4326, found.crs).transform(
            [float(row["lon"]) for row in rows], [float(row["lat"]) for row in rows]
        )
        side = found.grid.side
        cells = [Cell(int(north // side), int(east // side)) for east, north in zip(x, y, strict=True)]
    shown = pictures_of(found, cells, len(rows))
    places = tuple(
        Place(row["site"], {}, float(row["lon"]), float(row["lat"]), seen)
        for row, seen in zip(rows, shown, strict=True)
    )
    question = Question(ANSWER, f"Is the ground of another kind in {dates[1]} than in {dates[0]}?", (YES, NO))
    return LabelPage(
        "Did it change?", f"{found.folder.name}-audit-{len(rows)}", "site", (question,), places, file=SHEET
    )
