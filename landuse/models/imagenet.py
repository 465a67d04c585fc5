"""ImageNet weights as Keras applications publishes them: the same addresses, digests and cache."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from landuse.errors import ModelFileError, UsageError

BASE = "https://storage.googleapis.com/tensorflow/keras-applications"
TIMEOUT_S = 30
PIECE = 1 << 20


@dataclass(frozen=True)
class Published:
    """A published file.

    Attributes:
        url: where it is.
        md5: its digest, of the kind that Keras states.
    """

    url: str
    md5: str

    @property
    def file_name(self) -> str:
        """Name of the file, here and there."""
        return self.url.rpartition("/")[2]


def _published(folder: str, name: str, md5: str) -> Published:
    return Published(f"{BASE}/{folder}/{name}_weights_tf_dim_ordering_tf_kernels_notop.h5", md5)


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        "resnet50": _published("resnet", "resnet50", "4d473c1dd8becc155b73f8504c6f6626"),
        "inceptionv3": _published("inception_v3", "inception_v3", "bcbd6486424b2319ff4ef7d526e38f63"),
        "xception": _published("xception", "xception", "b0042744bf5b25fce3cb969f33bebb97"),
        "vgg16": _published("vgg16", "vgg16", "6d6bbae143d832006294945121d1f1fc"),
        "vgg19": _published("vgg19", "vgg19", "253f8cb515780f3b799900260a226db6"),
    }
)


def imagenet_file(name: str) -> Path:
    """The file of a backbone's ImageNet weights: from Keras' cache, or downloaded into it.

    Raises:
        UsageError: Keras publishes none for this backbone.
        ModelFileError: they cannot be downloaded, or are not what was published.
    """
    if name not in PUBLISHED:
        raise UsageError(
            f"Keras has no ImageNet weights of {name}: give a file with --weights FILE, or one of {', '.join(PUBLISHED)}."
        )
    published = PUBLISHED[name]
    path = cache_folder() / published.file_name
    if not (path.is_file() and _md5(path) == published.md5):
        _download(published, path)
    return path


def cache_folder() -> Path:
    """Where Keras keeps what it downloads."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def _download(published: Published, path: Path) -> None:
    """Fetch a file; `path` appears whole and with the right digest, or not at all."""
    staging = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(published.url, timeout=TIMEOUT_S) as source, staging.open("wb") as target:
            while piece := source.read(PIECE):
                target.write(piece)
        if _md5(staging) != published.md5:
            raise ModelFileError(
                f"{published.url} does not have the digest {published.md5} that Keras states: try again later, or give "
                "the file with --weights FILE."
            )
        staging.replace(path)
    except OSError as error:  # of the network (urllib's are among them) or of the disk
        raise ModelFileError(
            f"{published.url} cannot be downloaded to {path.parent} ({_cause(error)}): fetch it where there is a network, "
            f"and give it with --weights {published.file_name}."
        ) from error
    finally:
        staging.unlink(missing_ok=True)


def _cause(error: OSError) -> str:
    """What is wrong, in a few words on one line."""
    reason = getattr(error, "reason", None) or error.strerror or error
    return " ".join(str(reason).split())[:120]


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
