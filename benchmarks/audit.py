"""What an audit is worth on real imagery: `python -m benchmarks.audit IMAGERY --work DIR [--pairs N]`.

The pairs of one place in North Dakota that `benchmarks.change` makes (DIR keeps their models and maps), water by infrared as
truth. Of the sites that `diff` lists, those from water or to it are audited whose middle cell is clearly land or clearly water
at both dates: a third of the answers is random, the others are chosen, all are the truth. The table has how many of the first
50 are real, as `diff` lists them and after so many answers, known errors taken out: the mean over seeds of the draw.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from benchmarks.change import LAKE, LAND, Case, dakota
from benchmarks.table import markdown
from landuse.evaluation.audit import AuditSites, drawn, refitted
from landuse.evaluation.sample_files import read_table
from landuse.stages.audit import COLUMNS, SITES, sites_of
from landuse.stages.diff import diff

FIRST, ANSWERS, WATER = 50, (20, 50, 100), "Water"
Mask = npt.NDArray[np.bool_]


def sites_with_truth(case: Case, work: Path) -> tuple[AuditSites, Mask]:
    """The judged water sites of a pair, the surest first, and which of them are real."""
    first, second = case.name.split(", ")
    with tempfile.TemporaryDirectory() as name:
        found = diff([work / f"{year}_by_{first}" for year in (first, second)], Path(name) / "change")
        rows = [row for row in read_table(found.out / SITES, COLUMNS) if WATER in (row["from"], row["to"])]
    degrees = Transformer.from_crs(4326, case.found.before.crs, always_xy=True)
    x, y = degrees.transform([float(row["lon"]) for row in rows], [float(row["lat"]) for row in rows])
    columns, lines = (np.floor(side).astype(int) for side in ~case.found.overlap.transform @ (np.array(x), np.array(y)))
    before, after = (share[lines, columns] for share in case.water)
    judged = np.flatnonzero(((before < LAND) | (before > LAKE)) & ((after < LAND) | (after > LAKE)))
    order = judged[np.argsort([-float(rows[site]["probability"] or 0.5) for site in judged], kind="stable")]
    return sites_of([rows[site] for site in order]), np.asarray((before > LAKE) != (after > LAKE))[order]


def real_among_first(sites: AuditSites, real: Mask, answers: int, seed: int) -> int:
    """Real ones among the first 50 after so many answers."""
    looked, lot = drawn(sites, answers // 3, answers - answers // 3, seed)
    taught = looked[~lot]
    score = refitted(sites, taught, real[taught])
    score[looked[~real[looked]]] = -1.0  # known errors
    return int(real[np.argsort(-score, kind="stable")[:FIRST]].sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("imagery", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    lines = []
    for case in islice(dakota(given.imagery / "naip_dakota", given.work), given.pairs):
        sites, real = sites_with_truth(case, given.work)
        after = [
            np.mean([real_among_first(sites, real, count, seed) for seed in range(given.seeds)]) for count in ANSWERS
        ]
        known = [len(sites), int(real.sum()), int(real[:FIRST].sum())]
        lines.append([case.name, *map(str, known), *(f"{mean:.1f}" for mean in after)])
    head = [
        "pair",
        "water sites",
        "real ones",
        "real of the first 50",
        *(f"after {count} answers" for count in ANSWERS),
    ]
    sys.stdout.write(markdown(head, lines) + "\n")


if __name__ == "__main__":
    main()
