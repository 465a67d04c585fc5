"""What a model file says of its training: of the head and of the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from landuse.models.heads import Head
from landuse.models.heads_file import spec_of
from landuse.options.training import TrainOptions
from landuse.training.dataset import Samples
from landuse.training.fitting import Fitted
from landuse.training.learnt import FIELD, Learnt
from landuse.training.split import Split

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
