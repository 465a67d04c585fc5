"""What a model file says of its training: of the head and of the data, and in its card for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landuse.models.bundle import Bundle, shipped_bundles
from landuse.models.heads import Head
from landuse.models.manifest import spec_of
from landuse.options.training import TrainOptions
from landuse.training.dataset import Samples
from landuse.training.fitting import Fitted
from landuse.training.learnt import FIELD, Learnt
from landuse.training.split import Split
from landuse.words import counted

MOST_CLASSES = 100
"""Classes that the card counts; the model file counts all."""
LISTED = 1000
"""Skipped samples that the model file names; all are counted."""


def head_report(fitted: Fitted, samples: Samples, options: TrainOptions) -> dict[str, Any]:
    """What the model file says of the head: how it was fitted, and of several labels the threshold of each class."""
    limits = fitted.head.thresholds
    own = {
        "logistic": ("fit_with", "regularisation", "reg_param", "elastic_net", "max_iter"),
        "dense": ("hidden", "dropout", "max_iter"),
        "forest": ("trees", "depth"),
    }[options.head]
    return {
        "head": {"kind": options.head, **{name: getattr(options, name) for name in own}, **_size(fitted.head)},
        "multi_label": samples.multi,
        "thresholds": None if limits is None else dict(zip(samples.legend.names, map(float, limits), strict=True)),
        "history": list(fitted.history),
    }


def _size(head: Head) -> dict[str, int]:
    """How many numbers a head has, and how many nodes a forest."""
    nodes = spec_of(head).nodes
    return {"numbers": sum(a.size for a in head.arrays().values())} | ({"nodes": nodes} if nodes else {})


def training_report(samples: Samples, parts: Split, options: TrainOptions) -> dict[str, Any]:
    """What the model file says of the data."""
    fitted = parts.train if parts.kind == "given" else np.ones(len(samples), bool)
    learnt = {} if samples.marks is None else {FIELD: Learnt(samples.marks[fitted]).as_dict()}
    counts = dict(zip(samples.legend.names, samples.members.sum(axis=0).tolist(), strict=True))
    return {
        "samples": len(samples),
        "held_out": int(parts.test.sum()),
        "split": parts.report()
        | {"block_m": options.block_m, "buffer_m": options.buffer_m, "group_by": options.group_by},
        "balance": options.balance,
        "class_weights": dict(options.class_weights),
        "soft_labels": options.soft_labels,
        "regularisation": options.regularisation,
        "digest": samples.digest,
        "classes": counts,
        "skipped": list(samples.skipped[:LISTED]),
        "skipped_count": len(samples.skipped),
        "ignored_labels": dict(list(samples.ignored.items())[:LISTED]),
        **learnt,
    }


def trained_card(bundle: Bundle, backbone: str) -> str:
    """The card of a trained model, Markdown.

    Args:
        bundle: the model without its card, with the reports of its training.
        backbone: the name or the file that the backbone was taken from, as it was asked for.
    """
    name = Path(backbone).name
    tuned = ", layers of which learnt on" if "fine_tuning" in bundle.training else ""
    parts = (
        f"# {bundle.name}",
        f"A head for {counted(len(bundle.legend), 'class', 'classes')}, trained with `landuse train` on the backbone "
        f"`{name}`{tuned}.",
        "## Data\n\n" + "\n".join(f"- {line}" for line in _data(bundle)),
        "## Figures\n\n" + _figures(bundle),
        "## Licence\n\n" + _licence(name),
    )
    return "\n\n".join(parts) + "\n"


def _data(bundle: Bundle) -> list[str]:
    said: Mapping[str, Any] = bundle.training
    counts = list(said["classes"].items())
    lines = [
        f"{counted(said['samples'], 'sample')}, {said['held_out']:,} of them held back for the figures, "
        f"{said['skipped_count']:,} more could not be used",
        f"digest {said['digest']}",
        f"legend {bundle.legend.name}" + (f" ({bundle.legend.source})" if bundle.legend.source else ""),
        "samples of each class: " + ", ".join(f"{name} {count:,}" for name, count in counts[:MOST_CLASSES]),
    ]
    return [" ".join(line.split()) for line in lines]


def _figures(bundle: Bundle) -> str:
    found = [
        f"- {name.replace('_', ' ')}: {value:.3f}" for name, value in bundle.metrics.items() if isinstance(value, float)
    ]
    if not found:
        return "None: no samples were held back."
    said: Mapping[str, Any] = bundle.training
    return (
        f"Of samples that a head like this one had not learnt from (split: {said['split']['kind']}):\n\n"
        + "\n".join(found)
    )


def _licence(backbone: str) -> str:
    if backbone in shipped_bundles():
        base = f"The backbone ships with landuse under the MIT licence; `landuse models {backbone}` prints its card."
    else:
        base = "The licence of the backbone's weights is that of their origin."
    return f"{base} The licence of the samples and their labels is not recorded: state it here before this model is passed on."
