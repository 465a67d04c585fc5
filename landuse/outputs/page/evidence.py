"""How far a change map can be trusted, as the `summary.json` of `diff` has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
    limits: tuple[str, ...] = ()
    note: str | None = None

    @property
    def recorded_limits(self) -> list[str]:
        """What the comparison itself says of its limits; in English, as its file has it."""
        return list(self.limits) or ([self.note] if self.note else [])

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
            "limits": self.recorded_limits,
        }


def read_evidence(path: Path) -> Evidence | None:
    """What a `summary.json` says; None where it is absent or says something else: the page then leaves the sentences out."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return None
    try:
        return Evidence.model_validate_json(path.read_text(encoding="utf8"))
    except (ValidationError, UnicodeDecodeError):
        return None
