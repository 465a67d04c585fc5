"""Land-use maps and trustworthy change from survey years of aerial imagery.

    import landuse as lu

    chips = lu.tile("survey_2020/", labels="landcover.gpkg", label_field="class")
    model = lu.train(chips, out="county.landuse")
    land = lu.classify("survey_2020/", model=model, out="maps/2020")
    change = lu.diff("maps/2014", land)
    change.map("map.html")

Each function is the command of the same name; its keyword arguments are the fields of the command's schema in
`landuse.options`. `landuse.api` says where results go. Nothing heavy is imported here: a name is
imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landuse.version import __version__

if TYPE_CHECKING:
    from landuse.api import (
        assess_design,
        assess_estimate,
        audit_apply,
        audit_sites,
        classify,
        diff,
        doctor,
        evaluate,
        export,
        find,
        map,
        packet,
        report,
        tile,
        train,
    )
    from landuse.results import Change, Chips, Evaluation, LandUse, Model, Page, Tables

__all__ = [
    "Change",
    "Chips",
    "Evaluation",
    "LandUse",
    "Model",
    "Page",
    "Tables",
    "__version__",
    "assess_design",
    "assess_estimate",
    "audit_apply",
    "audit_sites",
    "classify",
    "diff",
    "doctor",
    "evaluate",
    "export",
    "find",
    "map",
    "packet",
    "report",
    "tile",
    "train",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """A function or a result of the public interface, imported now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = "results" if name[0].isupper() else "api"
    return getattr(import_module(f"landuse.{home}"), name)


def __dir__() -> list[str]:
    return __all__
