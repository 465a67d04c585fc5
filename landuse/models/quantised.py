"""What a model file says of its own 8-bit form: the ranges of its tensors, and how well it agrees with itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LEAST_AGREEMENT = 0.99
"""Least share of held-back chips that must get the same label in 8 bits."""
MOST_RANGES = 2_000
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]


class Quantisation(BaseModel):
    """How a network computes in 8-bit integers.

    Attributes:
        ranges: least and largest value of each tensor that is rounded, by the name of the node that makes it.
        agreement: share of the held-back chips whose label is the same.
        chips: number of chips that the ranges were measured on.
        held_back: number of chips that the agreement was measured on.
        against: what it was compared with, f32 or bf16.
        digest: of the data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ranges: Annotated[dict[str, tuple[Finite, Finite]], Field(max_length=MOST_RANGES)]
    agreement: Annotated[float, Field(ge=0, le=1)]
    chips: Annotated[int, Field(ge=1)]
    held_back: Annotated[int, Field(ge=1)]
    against: Annotated[str, Field(max_length=8)]
    digest: Annotated[str, Field(max_length=128)] = ""
