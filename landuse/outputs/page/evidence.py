"""How far a change map can be trusted, as the `summary.json` of `diff` has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landuse.text import counted

MAX_BYTES = 16 * 2**20


class SummaryPart(BaseModel):
    """A part of `summary.json`, which may be a stranger's."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Cells(SummaryPart):
    """Numbers of cells."""

    compared: int
    label_differences: int
    confirmed: int
    expected_false_alarms: float | None = None


class Areas(SummaryPart):
    """Hectares."""

    label_differences: float
    confirmed: float


class Model(SummaryPart):
    """What the joint model of both surveys estimated."""

    expected_change_share: float | None = None


class Evidence(SummaryPart):
    """The part of `summary.json` that the page speaks of; `tiers` holds what each tier means, the surest first."""

    cells: Cells
    area_ha: Areas
    tiers: dict[str, str] = Field(default_factory=dict)
    model: Model | None = None

    def as_json(self) -> dict[str, Any]:
        """What the page makes sentences of."""
        return {
            "compared": self.cells.compared,
            "different": self.cells.label_differences,
            "different_ha": self.area_ha.label_differences,
            "confirmed": self.cells.confirmed,
            "confirmed_ha": self.area_ha.confirmed,
            "false_alarms": self.cells.expected_false_alarms,
            "share": self.model.expected_change_share if self.model else None,
        }


def read_evidence(path: Path) -> Evidence | None:
    """What a `summary.json` says; None where it is absent or says something else: the page then leaves the sentences out."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return None
    try:
        return Evidence.model_validate_json(path.read_text(encoding="utf8"))
    except (ValidationError, UnicodeDecodeError):
        return None


def sentences(evidence: Evidence) -> list[str]:
    """What a planner should know before acting on the change sites."""
    cells, areas = evidence.cells, evidence.area_ha
    said = [
        f"The two maps name {cells.label_differences:,} of {cells.compared:,} squares differently "
        f"({areas.label_differences:,.0f} ha). Many such differences are errors of one map or the other; "
        f"{counted(cells.confirmed, 'square carries', 'squares carry')} enough evidence to be listed "
        f"({areas.confirmed:,.0f} ha)."
    ]
    if cells.expected_false_alarms is not None and cells.confirmed:
        alarms = cells.expected_false_alarms
        amount = "fewer than one is" if alarms < 1 else f"about {alarms:,.0f} {'is' if alarms < 1.5 else 'are'}"
        said.append(f"Of these, {amount} expected to be wrong.")
    share = evidence.model.expected_change_share if evidence.model else None
    if share is not None:
        amount = "less than 0.1 %" if share < 0.001 else f"about {100 * share:.1f} %"
        said.append(
            f"All evidence taken together, {amount} of the squares have changed, whether or not they can be named."
        )
    return said
