"""What an audit is worth on real imagery: `python -m benchmarks.audit IMAGERY --work DIR [--pairs N]`.

The pairs of one place in North Dakota that `benchmarks.change` makes (DIR keeps their models and maps), with water by
infrared as truth. The whole ranking that `diff` writes is audited, but for cells that are not clearly land or water
at both dates; real is what turned to water or from it, so that fields that turn green or dry with the season count as
errors. A third of the answers is random, the others are chosen, and all are the truth. The table has how many of the
first 50 are real, as `diff` ranks them and after so many answers, what is known of sites put in: the mean over seeds.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.change import Case, dakota
from benchmarks.table import markdown
from landuse.evaluation.audit import AuditSites, drawn, refitted

FIRST, ANSWERS = 50, (20, 50, 100)
Mask = npt.NDArray[np.bool_]


def sites_with_truth(case: Case) -> tuple[AuditSites, Mask]:
    """The judged cells, the likeliest change first, and which of them are real."""
    cells = case.found.inferred(case.cells)
    if cells is None:
        raise ValueError("The maps compared here have probabilities.")
    about = np.flatnonzero(case.judged)
    order = about[np.argsort(-cells.moved[about], kind="stable")]
    kinds = cells.move[order] @ [len(case.found.legend), 1]
    return AuditSites(cells.moved[order], np.full(len(order), 5.0), kinds), case.changed[order]


def real_among_first(sites: AuditSites, real: Mask, answers: int, seed: int) -> int:
    """Real ones among the first 50 after so many answers."""
    looked, lot = drawn(sites, answers // 3, answers - answers // 3, seed)
    taught = looked[~lot]
    score = refitted(sites, taught, real[taught])
    score[looked] = real[looked]
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
        sites, real = sites_with_truth(case)
        after = [
            np.mean([real_among_first(sites, real, count, seed) for seed in range(given.seeds)]) for count in ANSWERS
        ]
        known = [len(sites), int(real.sum()), int(real[:FIRST].sum())]
        lines.append([case.name, *map(str, known), *(f"{mean:.1f}" for mean in after)])
    head = [
        "pair",
        "cells",
        "real ones",
        "real of the first 50",
        *(f"after {count} answers" for count in ANSWERS),
    ]
    sys.stdout.write(markdown(head, lines) + "\n")


if __name__ == "__main__":
    main()
