"""A model on labelled data of whatever kind."""

from __future__ import annotations

from pathlib import Path

from landuse.chips import CHIPS_FILE
from landuse.judging.case import Case
from landuse.judging.chips import judge_chip_table, judge_chips
from landuse.judging.images import judge_images
from landuse.models.bundle import Bundle
from landuse.scoring import ScoreSettings
from landuse.training.tables import is_table, read_table


def judge(
    bundle: Bundle, data: Path, settings: ScoreSettings, group_by: str | None = None, root: Path | None = None
) -> Case:
    """Predictions of labelled data; see `judge_chips`, `judge_chip_table` and `judge_images`."""
    if data.name == CHIPS_FILE or (data / CHIPS_FILE).is_file():
        return judge_chips(bundle, data, settings, group_by)
    if is_table(data):
        table = read_table(data, group_by)
        if table.key == "chip_id":
            return judge_chip_table(bundle, table, settings, group_by, root)
    return judge_images(bundle, data, settings, group_by, root)
