"""What the places of the unlabelled crops show, as one reader saw them: for judging a land-use head, never for fitting one.

Every place of `naip_california_rgb` was looked at once, at its last date. Those of `SEEN` show little else than the class;
those of `MIXED` show two or more and are left out; all others show streets and buildings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.pretrain.sources import Ints

SEEN = {
    "Forest": "eureka_7 eureka_16 eureka_20",
    "Shrub": """claremont_44 claremont_45 claremont_46 palm_springs_28 palm_springs_53 palm_springs_57 palm_springs_61
        palm_springs_78 palm_springs_89""",
    "Herbaceous": """claremont_11 claremont_27 long_beach_23 long_beach_33 palm_springs_24 palm_springs_64 palm_springs_65
        palm_springs_66 palm_springs_73 palm_springs_74 palm_springs_77 palm_springs_79 palm_springs_97 riverside_66
        riverside_72 riverside_89""",
    "Barren": """palm_springs_6 palm_springs_18 palm_springs_27 palm_springs_46 palm_springs_47 palm_springs_96""",
}
MIXED = """
    bishop_0 bishop_8 bishop_9 chico_20 chico_22 chico_38 chico_46 chico_50 chico_51 chico_67 chico_83 claremont_0
    claremont_7 claremont_8 claremont_10 claremont_30 claremont_36 claremont_55 claremont_61 claremont_75 eureka_8 eureka_9
    eureka_10 eureka_12 eureka_15 eureka_19 long_beach_28 long_beach_46 long_beach_47 long_beach_61 long_beach_62
    palm_springs_8 palm_springs_10 palm_springs_11 palm_springs_13 palm_springs_19 palm_springs_35 palm_springs_36
    palm_springs_42 palm_springs_43 palm_springs_50 palm_springs_54 palm_springs_55 palm_springs_56 palm_springs_59
    palm_springs_60 palm_springs_68 palm_springs_69 palm_springs_75 palm_springs_76 palm_springs_80 palm_springs_81
    palm_springs_85 palm_springs_90 palm_springs_94 palm_springs_95 palm_springs_98 riverside_14 riverside_22 riverside_37
    riverside_47 riverside_51 riverside_76 riverside_77 riverside_88
"""


def classes_of(places: Sequence[str], names: Sequence[str]) -> Ints:
    """Index in `names` of the class that each place shows, -1 for a mixed one."""
    known = {place: names.index(name) for name, listed in SEEN.items() for place in listed.split()}
    known |= dict.fromkeys(MIXED.split(), -1)
    return np.array([known.get(place, names.index("Developed")) for place in places], np.int64)
