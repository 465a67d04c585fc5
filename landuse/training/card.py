"""The card of a model that `train` makes: what it was learnt from, how good it is, what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landuse.models.bundle import Bundle, shipped_bundles
from landuse.words import counted

MOST_CLASSES = 100
"""Classes that the card counts; the model file counts all."""


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
