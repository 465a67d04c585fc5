"""Areas within districts: their intervals cover the truth where they are given."""

import numpy as np

from landuse.evaluation.assessment import assess_sample
from landuse.evaluation.district_areas import LEAST_OF_CLASS, LEAST_UNITS, district_table
from landuse.evaluation.sample_files import Answer, Size, Unit

NAMES = np.array(["Water", "Field", "Wood"])


def land(rng, cells=6000):
    """Stratum, true class and district of every cell; the fourth district is small."""
    stratum = rng.choice(3, cells, p=[0.1, 0.3, 0.6])
    truth = (stratum + rng.choice(3, cells, p=[0.8, 0.15, 0.05])) % 3
    return stratum, truth, rng.choice(4, cells, p=[0.5, 0.3, 0.18, 0.02])


def test_intervals_of_districts_cover_the_truth_and_small_ones_have_none():
    rng = np.random.default_rng(4)
    stratum, truth, district = land(rng)
    sizes = {str(h): Size(float(n), n) for h, n in enumerate(np.bincount(stratum))}
    areas = {str(d): float(n) for d, n in enumerate(np.bincount(district))}
    hits = []
    for _ in range(60):
        chosen = np.concatenate([rng.choice(np.flatnonzero(stratum == h), 120, replace=False) for h in range(3)])
        named, mapped = NAMES[truth[chosen]], NAMES[stratum[chosen]]
        units = {
            str(i): Unit(str(i), 0.0, 0.0, "", str(stratum[cell]), (mapped[n], mapped[n]), (mapped[n], mapped[n]))
            for n, (i, cell) in enumerate(zip(range(len(chosen)), chosen, strict=True))
        }
        found = assess_sample(units, [Answer(str(i), one, one) for i, one in enumerate(named)], sizes)
        inside = [district[chosen] == d for d in range(4)]
        on_map = {
            (name, name): np.array([((stratum == k) & (district == d)).sum() for d in range(4)], float)
            for k, name in enumerate(NAMES)
        }
        (_, rows), notes = district_table(found, areas, inside, on_map)
        for where, kind, name, area, _, low, high, _, count in rows:
            if kind == "before" and name in NAMES:
                few = inside[int(where)].sum() < LEAST_UNITS
                assert (area is None) == few
                assert (low is None) == (few or count < LEAST_OF_CLASS)
                if low is not None:
                    hits.append(low <= ((truth == list(NAMES).index(name)) & (district == int(where))).sum() <= high)
        assert ("3" in notes[0]) == (inside[3].sum() < LEAST_UNITS)
    assert 0.92 < np.mean(hits) < 0.98
