"""What is known of the model behind two maps, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from landuse.errors import LanduseError
from landuse.models.bundle import SUFFIX, Bundle, find_bundle, read_bundle
from landuse.outputs.record import RunRecord, read_record
from landuse.reporting.words import Speech

SHORT = 12
"""Digits of a digest that people compare."""
UNSEEN = "without_"
AREAS = ("aoi", "districts")
"""Options of `classify` that name polygons, which are no imagery."""


@dataclass(frozen=True)
class MapOrigin:
    """What one map was made of.

    Attributes:
        record: its `run.json`; None of a map that another program made, or that is gone.
    """

    name: str
    record: RunRecord | None

    @property
    def model(self) -> str:
        """Name of the model, empty where it is not known."""
        return str(self._said("model"))

    @property
    def digest(self) -> str:
        """Digest of the model, empty where it is not known."""
        return str(self._said("model_digest"))

    def _said(self, key: str) -> JsonValue:
        return "" if self.record is None else self.record.details.get(key) or ""

    @property
    def imagery(self) -> list[str]:
        """Names of the imagery's files, without their places."""
        if self.record is None:
            return []
        areas = {Path(str(self.record.options.get(key) or "")).name.partition(":")[0] for key in AREAS}
        names = [Path(one.path).name for one in self.record.inputs]
        return [name for name in names if name not in areas and not name.endswith(SUFFIX)]


def origin_of(path: Path | None, name: str) -> MapOrigin:
    """The record of a map, if it is a folder of classify that is there."""
    try:
        return MapOrigin(name, read_record(path) if path is not None and path.is_dir() else None)
    except LanduseError:
        return MapOrigin(name, None)


def model_sentences(speech: Speech, origins: Sequence[MapOrigin]) -> list[str]:
    """Which model made the maps, and how well it does on labelled images that it had not learnt from."""
    digests = {one.digest for one in origins}
    if "" in digests:
        return [speech.say("report_model_unknown")]
    if len(digests) > 1:
        first, last = (f"{one.model} ({one.name})" for one in origins)
        return [speech.say("report_two_models", first=first, last=last)]
    only = origins[0]
    said = [speech.say("report_one_model", model=only.model, digest=only.digest[:SHORT])]
    bundle = _bundle_of(only)
    if bundle is None:
        return [*said, speech.say("report_model_gone")]
    return said + figures(speech, bundle.metrics, bundle.training)


def _bundle_of(origin: MapOrigin) -> Bundle | None:
    """The model of a map, None where its file is gone or is another one by now."""
    asked = "" if origin.record is None else origin.record.options.get("model")
    try:
        bundle = read_bundle(find_bundle(str(asked)))
    except (LanduseError, OSError):
        return None
    return bundle if bundle.digest == origin.digest else None


def figures(speech: Speech, metrics: Mapping[str, JsonValue], training: Mapping[str, JsonValue]) -> list[str]:
    """Accuracies of a model's file as sentences."""
    own, held_out, said = metrics.get("accuracy"), training.get("held_out"), []
    if isinstance(own, float):
        share = speech.percent(own, 0)
        known = isinstance(held_out, int)
        said.append(
            speech.say("report_model_own", n=held_out, share=share)
            if known
            else speech.say("report_model_some", share=share)
        )
    for key, unseen in (("report_model_seen", False), ("report_model_unseen", True)):
        lines = _collections(speech, metrics, unseen=unseen)
        if lines:
            said.append(speech.say(key, list="; ".join(lines)))
    return said


def _collections(speech: Speech, metrics: Mapping[str, JsonValue], *, unseen: bool) -> list[str]:
    lines = []
    for key, value in metrics.items():
        name = key.removesuffix("_accuracy")
        count = metrics.get(f"{name}_n")
        if name == key or name.startswith(UNSEEN) != unseen:
            continue
        if isinstance(value, float) and isinstance(count, int | float):
            plain = name.removeprefix(UNSEEN).replace("_", " ")
            lines.append(speech.say("report_collection", name=plain, share=speech.percent(value, 0), n=round(count)))
    return lines
