"""The model file: one zip, `NAME.landuse`, of plain data. Nothing in it can run.

bundle.json           what the model is: backbone, legend, calibration, training, metrics
graph.xml             the backbone as OpenVINO describes networks, preprocessing included
backbone.safetensors  the constants of that graph, and those variables of Keras that are none
head.safetensors      the arrays of the head, of the kind that bundle.json says
card.md               the model card, for people
alignment.safetensors of files of releases before, and no longer used
components.safetensors the main components of its features over the chips that it was trained on
survey.safetensors    what the features of the training survey are like, class by class (only of a head trained on one)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from safetensors.numpy import save

from landuse.errors import ModelFileError, OutputExistsError, UsageError
from landuse.legend import Legend
from landuse.models.architectures import Preprocess
from landuse.models.backbone import Backbone
from landuse.models.graph_file import MAX_XML, check_graph
from landuse.models.heads import Head
from landuse.models.learnt_features import Components, SurveyFeatures, largest_shapes, shapes_of
from landuse.models.libraries import Shape, number_count
from landuse.models.manifest import (
    FORMAT,
    FORMAT_VERSION,
    INTEGERS,
    BackboneSpec,
    Manifest,
    as_stored,
    check_digests,
    check_fit,
    parse_manifest,
    refuse,
    spec_of,
)
from landuse.models.quantisation import Quantisation
from landuse.models.safe_files import HEADER_ROOM, SafeZip, arrays_room, check_finite, read_arrays, write_zip
from landuse.palette import Palette

SUFFIX = ".landuse"
GRAPH, BACKBONE, HEAD, CARD = "graph.xml", "backbone.safetensors", "head.safetensors", "card.md"
SURVEY, COMPONENTS, ALIGNMENT = "survey.safetensors", "components.safetensors", "alignment.safetensors"
MEMBERS = frozenset({"bundle.json", HEAD, CARD})
OF_BACKBONE = frozenset({GRAPH, BACKBONE})
OPTIONAL = OF_BACKBONE | {ALIGNMENT, SURVEY, COMPONENTS}
MAX_JSON = 4_000_000
MAX_CARD = 1_000_000
MOST_HEAD_NUMBERS = 100_000_000
WEIGHTS_FOLDER = Path(__file__).with_name("weights")


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained model.

    Attributes:
        metres_per_pixel: ground size of a pixel that it was trained on, None where mixed or unknown.
        quantisation: how it computes in 8-bit integers, None where that was not found out.
        palette: the colours of the survey that it was trained on, None where it was trained on single images.
        survey_features: the features of that survey, class by class; None where nothing is to be brought to them.
    """

    name: str
    backbone: Backbone
    head: Head
    legend: Legend
    bands: tuple[str, ...] = ("red", "green", "blue")
    metres_per_pixel: float | None = None
    calibration: Mapping[str, JsonValue] = field(default_factory=dict)
    training: Mapping[str, JsonValue] = field(default_factory=dict)
    metrics: Mapping[str, JsonValue] = field(default_factory=dict)
    card: str = ""
    quantisation: Quantisation | None = None
    palette: Palette | None = None
    survey_features: SurveyFeatures | None = None
    components: Components | None = None

    @property
    def chip_px(self) -> int:
        """Pixels of a chip's side."""
        return self.backbone.px

    @property
    def preprocess(self) -> Preprocess:
        """What happens to a uint8 image first."""
        return self.backbone.preprocess

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides what it answers, and of what is said about it."""
        found = hashlib.sha256(_json(_describe(self)))
        found.update(self.backbone.digest.encode())
        for name, array in sorted(self.head.arrays().items()):
            found.update(name.encode())
            found.update(as_stored(array).tobytes())
        for part in self.optional_members().values():
            found.update(part)
        return found.hexdigest()

    def optional_members(self) -> dict[str, bytes]:
        """What its file holds only of some models."""
        held = {SURVEY: self.survey_features, COMPONENTS: self.components}
        return {name: part.pack() for name, part in held.items() if part is not None}


def write_bundle(bundle: Bundle, path: Path, *, shipped_in: str | None = None) -> Path:
    """Write a model file; `path` appears whole or not at all, with the same bytes for the same model.

    Args:
        path: its file; ".landuse" is added where it is missing.
        shipped_in: a model that ships, whose file holds this backbone already.

    Returns:
        The file written.
    """
    target = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
    members = {
        GRAPH: bundle.backbone.xml,
        BACKBONE: bundle.backbone.weights,
        HEAD: save({name: as_stored(array) for name, array in bundle.head.arrays().items()}),
        CARD: bundle.card.encode(),
        **bundle.optional_members(),
    }
    said = _describe(bundle) | {"digests": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}}
    if shipped_in is not None:
        said["backbone"] |= {"shipped_in": shipped_in}
        members = {name: data for name, data in members.items() if name not in OF_BACKBONE}
    write_zip(target, {"bundle.json": _json(said), **members})
    return target


def read_bundle(path: Path) -> Bundle:
    """Read a model file of unknown origin. Its graph is checked here, and once more when OpenVINO has read it.

    Raises:
        ModelFileError: for a file that is missing, damaged, of another version, or whose parts do not fit.
    """
    with SafeZip(path, MEMBERS, OPTIONAL) as archive:
        manifest = parse_manifest(archive.read("bundle.json", MAX_JSON), path)
        check_fit(manifest, path)
        width, classes = manifest.backbone.features, len(manifest.legend)
        shapes, survey = manifest.head.shapes(width, classes), shapes_of(width, classes)
        if number_count(shapes.values()) > MOST_HEAD_NUMBERS:
            refuse(path, f"its head has more than {MOST_HEAD_NUMBERS:,} numbers")
        limits = {HEAD: arrays_room(shapes), CARD: MAX_CARD, ALIGNMENT: 8 * width + HEADER_ROOM}
        limits |= {SURVEY: arrays_room(survey), COMPONENTS: arrays_room(largest_shapes(width))}
        members = {name: archive.read(name, limit) for name, limit in limits.items() if archive.holds(name)}
        members |= _backbone_members(archive, manifest.backbone.shipped_in, path)
    check_digests(members, manifest, path)
    check_finite(members[BACKBONE], f"{BACKBONE} in {path}")
    check_graph(members[GRAPH], len(members[BACKBONE]), f"{GRAPH} in {path}")
    learnt, axes = (members.get(name) for name in (SURVEY, COMPONENTS))
    return Bundle(
        name=manifest.name,
        backbone=_backbone(manifest, members),
        head=_head(manifest, shapes, members[HEAD], path),
        legend=manifest.legend,
        bands=manifest.bands,
        metres_per_pixel=manifest.metres_per_pixel,
        calibration=manifest.calibration,
        training=manifest.training,
        metrics=manifest.metrics,
        quantisation=manifest.quantisation,
        palette=manifest.palette,
        card=members[CARD].decode("utf8", errors="replace"),
        survey_features=None if learnt is None else SurveyFeatures.unpack(learnt, survey, f"{SURVEY} in {path}"),
        components=None if axes is None else Components.unpack(axes, width, f"{COMPONENTS} in {path}"),
    )


def _backbone_members(archive: SafeZip, shipped_in: str | None, path: Path) -> dict[str, bytes]:
    if shipped_in is None:
        missing = sorted(name for name in OF_BACKBONE if not archive.holds(name))
        if missing:
            refuse(path, f"it does not hold {missing[0]}")
        return {GRAPH: archive.read(GRAPH, MAX_XML), BACKBONE: archive.read(BACKBONE, archive.size)}  # stored as it is
    if shipped_in not in shipped_bundles() or find_bundle(shipped_in) == path:
        refuse(path, f"its backbone is that of the model {shipped_in!r}, which does not ship with this release")
    with SafeZip(find_bundle(shipped_in), MEMBERS, OPTIONAL) as other:
        return _backbone_members(other, None, path)


def _backbone(manifest: Manifest, members: Mapping[str, bytes]) -> Backbone:
    spec = manifest.backbone
    return Backbone(
        xml=members[GRAPH],
        weights=members[BACKBONE],
        px=spec.px,
        channels=len(manifest.bands),
        features=spec.features,
        preprocess=spec.preprocess,
        architecture=spec.architecture,
        orders=spec.orders,
        batch=spec.batch,
    )


def _head(manifest: Manifest, shapes: Mapping[str, Shape], data: bytes, path: Path) -> Head:
    arrays = read_arrays(data, shapes, f"{HEAD} in {path}", INTEGERS)
    try:
        return manifest.head.head(arrays, manifest.backbone.features, manifest.temperature)
    except UsageError as error:
        refuse(path, str(error))


def read_manifest(path: Path) -> tuple[Manifest, str]:
    """What a model file says of itself, and its card; its weights are neither read nor checked.

    Raises:
        ModelFileError: for a file that is missing, of another version, or whose description or card is damaged.
    """
    with SafeZip(path, MEMBERS, OPTIONAL) as archive:
        manifest = parse_manifest(archive.read("bundle.json", MAX_JSON), path)
        card = archive.read(CARD, MAX_CARD)
    if hashlib.sha256(card).hexdigest() != manifest.digests.get(CARD):
        refuse(path, f"{CARD} was changed after the model was written")
    return manifest, card.decode("utf8", errors="replace")


def shipped_bundles() -> tuple[str, ...]:
    """Names of the models that ship with the package."""
    return tuple(sorted(path.stem for path in WEIGHTS_FOLDER.glob(f"*{SUFFIX}")))


def find_bundle(name_or_file: str | Path) -> Path:
    """The file of a model: one that ships, by its name, or a file. Raises `ModelFileError` where it is neither."""
    if str(name_or_file) in shipped_bundles():
        return WEIGHTS_FOLDER / f"{name_or_file}{SUFFIX}"
    path = Path(name_or_file)
    if not path.is_file():
        shipped = ", ".join(shipped_bundles()) or "none"
        raise ModelFileError(f"No model {str(name_or_file)!r}: give a {SUFFIX} file or a shipped model ({shipped}).")
    return path


def check_model_out(out: Path, *, fresh: bool) -> None:
    """Raise unless `out` is a model file that may be written: a new one, or with `fresh` an old one.

    Raises:
        OutputExistsError: it exists.
        UsageError: it has another suffix.
    """
    if out.suffix != SUFFIX:
        raise UsageError(f"A model file ends in {SUFFIX}: give --out {out.with_suffix(SUFFIX)}.")
    if out.exists() and not fresh:
        raise OutputExistsError(f"{out} exists; give another --out, or --fresh to replace it.")


def _describe(bundle: Bundle) -> dict[str, Any]:
    """Everything of a model but its arrays, its graph and its card, as JSON data. A plain head goes without saying."""
    head = spec_of(bundle.head).model_dump(mode="json", exclude_defaults=True)
    colours = {} if bundle.palette is None else {"palette": asdict(bundle.palette)}
    narrow = {} if bundle.quantisation is None else {"quantisation": bundle.quantisation.model_dump(mode="json")}
    backbone = bundle.backbone
    spec = BackboneSpec(
        architecture=backbone.architecture,
        px=backbone.px,
        features=backbone.features,
        preprocess=backbone.preprocess,
        orders=dict(backbone.orders),
        batch=backbone.batch,
    )
    return (
        ({"head": head} if head else {})
        | narrow
        | colours
        | {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "name": bundle.name,
            "backbone": spec.model_dump(mode="json", exclude_none=True),
            "legend": bundle.legend.model_dump(mode="json"),
            "bands": list(bundle.bands),
            "metres_per_pixel": bundle.metres_per_pixel,
            "temperature": bundle.head.temperature,
            "calibration": dict(bundle.calibration),
            "training": dict(bundle.training),
            "metrics": dict(bundle.metrics),
        }
    )


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, indent=1, sort_keys=True, allow_nan=False).encode()
