"""What is said where a model is judged by samples that it has learnt from."""

from __future__ import annotations

from typing import Any

from landuse.judging.case import Case
from landuse.words import counted


def learnt_figures(case: Case) -> dict[str, Any]:
    """How many rows the model has learnt from, and the figures of the others; empty where none is known to be.

    `others` are figures as in metrics.json, None where there are no others. `held_back` is what the model file says of samples
    that were held back when it was trained.
    """
    if case.seen is None or not case.seen.any():
        return {}
    others = case.rows.take(~case.seen)
    return {
        "learnt_from": {
            "rows": int(case.seen.sum()),
            "of": len(case.rows),
            "others": others.figures().as_dict() if len(others) else None,
            "held_back": dict(case.held_back),
        }
    }


def caution(case: Case) -> str:
    """The same as a sentence for the report; empty where no row is known to have been learnt from."""
    found = learnt_figures(case).get("learnt_from")
    if found is None:
        return ""
    said = f"the model has learnt from {found['rows']:,} of the {counted(found['of'], 'row')}, so what follows flatters it."
    if found["others"] is not None:
        left = found["of"] - found["rows"]
        right = found["others"]["accuracy"]
        said += f" Of the {counted(left, 'row')} that it has not learnt from, {right:.1%} {'is' if left == 1 else 'are'} right."
    accuracy = found["held_back"].get("accuracy")
    if isinstance(accuracy, float):
        said += f" Of samples held back when it was trained, {accuracy:.1%} were right."
    return said
