"""What is known of the model behind two maps, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from landuse.errors import LanduseError
from landuse.models.bundle import SUFFIX, Bundle, find_bundle, read_bundle
from landuse.outputs.record import RunRecord, read_record

SHORT = 12
"""Digits of a digest that people compare."""
UNSEEN = "without_"


@dataclass(frozen=True)
class MapOrigin:
    """What one map was made of.

    Attributes:
        name: of the map.
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
        names = [] if self.record is None else [Path(one.path).name for one in self.record.inputs]
        return [name for name in names if not name.endswith(SUFFIX)]


def origin_of(path: Path | None, name: str) -> MapOrigin:
    """The record of a map, if it is a folder of classify that is there."""
    try:
        return MapOrigin(name, read_record(path) if path is not None and path.is_dir() else None)
    except LanduseError:
        return MapOrigin(name, None)


def model_sentences(origins: Sequence[MapOrigin]) -> list[str]:
    """Which model made the maps, and how well it does on labelled images that it had not learnt from."""
    digests = {one.digest for one in origins}
    if "" in digests:
        return ["Which model made the maps is not known here, so nothing can be said of how well it does."]
    if len(digests) > 1:
        models = " and ".join(f"{one.model} ({one.name})" for one in origins)
        return [
            f"Two different models made the maps: {models}. Some of what differs may be the models' and not the land's."
        ]
    first = origins[0]
    said = [f"Both maps were made by the model “{first.model}” ({first.digest[:SHORT]})."]
    bundle = _bundle_of(first)
    if bundle is None:
        return [*said, "Its file is not at hand, so nothing can be said of how well it does."]
    return said + figures(bundle.metrics, bundle.training)


def _bundle_of(origin: MapOrigin) -> Bundle | None:
    """The model of a map, None where its file is gone or is another one by now."""
    asked = "" if origin.record is None else origin.record.options.get("model")
    try:
        bundle = read_bundle(find_bundle(str(asked)))
    except (LanduseError, OSError):
        return None
    return bundle if bundle.digest == origin.digest else None


def figures(metrics: Mapping[str, JsonValue], training: Mapping[str, JsonValue]) -> list[str]:
    """Accuracies of a model's file as sentences."""
    own, said = metrics.get("accuracy"), []
    if isinstance(own, float):
        held_out = training.get("held_out")
        of = f"{held_out:,}" if isinstance(held_out, int) else "the"
        said.append(
            f"Of {of} labelled squares held back from its training it names {100 * own:.0f} % as they are labelled."
        )
    seen, unseen = _collections(metrics, unseen=False), _collections(metrics, unseen=True)
    if seen:
        said.append(f"Of other images of collections it learnt from, it names as they are labelled: {'; '.join(seen)}.")
    if unseen:
        said.append(f"Of collections that it had never seen: {'; '.join(unseen)}. New imagery is of that kind.")
    return said


def _collections(metrics: Mapping[str, JsonValue], *, unseen: bool) -> list[str]:
    lines = []
    for key, value in metrics.items():
        name = key.removesuffix("_accuracy")
        count = metrics.get(f"{name}_n")
        if (
            name != key
            and isinstance(value, float)
            and isinstance(count, int | float)
            and name.startswith(UNSEEN) == unseen
        ):
            lines.append(f"{name.removeprefix(UNSEEN).replace('_', ' ')} {100 * value:.0f} % of {count:,.0f}")
    return lines
