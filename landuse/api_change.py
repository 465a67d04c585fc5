"""What follows a comparison, as functions: reports, packets, look-alikes, samples and audits; and the look before it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from landuse.api import Address, keywords, name_or_path, target_of
from landuse.options.results import (
    AuditApplyOptions,
    AuditOptions,
    DesignOptions,
    EstimateOptions,
    FindOptions,
    PacketOptions,
    ReportOptions,
)
from landuse.options.survey import SurveyOptions
from landuse.results import Page, Tables

if TYPE_CHECKING:
    from landuse.engine.checkup import Finding


@keywords(SurveyOptions)
def doctor(*sources: Address, others: tuple[Address, ...] = (), **options: Any) -> list[Finding]:  # noqa: ANN401
    """What would make a map wrong, slow or large, before it is made.

    Args:
        sources: the rasters of a survey; none of them looks at this machine instead.
        others: those of a second survey, which is compared with the first.
        options: see `landuse.options.survey.SurveyOptions`.
    """
    from landuse.engine.checkup import check_up
    from landuse.stages.doctor import examine

    if not sources:
        return check_up()
    first, second = ([name_or_path(item) for item in some] for some in (sources, others))
    return examine(first, second, SurveyOptions(**options))


@keywords(ReportOptions)
def report(change: Address, out: Address = "report.html", **options: Any) -> Page:  # noqa: ANN401
    """Write two pages of what changed, to be forwarded.

    Args:
        change: what `diff` wrote.
        out: the HTML to write. A page of landuse is replaced.
        options: see `landuse.options.results.ReportOptions`.
    """
    from landuse.stages.pages import report as stage

    stage(Path(change), Path(out), ReportOptions(**options))
    return Page(Path(out))


@keywords(PacketOptions)
def packet(change: Address, out: Address = "change.zip", **options: Any) -> Path:  # noqa: ANN401
    """Put a comparison with all that belongs to it into one zip.

    Args:
        change: what `diff` wrote.
        out: the zip to write.
        options: see `landuse.options.results.PacketOptions`.
    """
    from landuse.stages.pages import packet as stage

    stage(Path(change), Path(out), PacketOptions(**options))
    return Path(out)


@keywords(FindOptions)
def find(folder: Address, chip_id: str, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """What looks like a chip, or changed like it: `similar.html` has the pictures.

    Args:
        folder: what `classify` wrote, or `diff`: then sites are searched.
        chip_id: the chip.
        out: folder to write; see `landuse.api` for none.
        options: see `landuse.options.results.FindOptions`.
    """
    from landuse.stages.pages import find as stage

    target = target_of(out, "similar")
    found = stage(Path(folder), chip_id, target, FindOptions(**options))
    return Tables(target, "similar.csv", f"{len(found.finds) - 1} like {chip_id}")


@keywords(DesignOptions)
def assess_design(change: Address, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """Draw a stratified random sample of a change map, with `label.html`, on which people label it.

    Args:
        change: what `diff` wrote.
        out: folder to write; see `landuse.api` for none.
        options: see `landuse.options.results.DesignOptions`.
    """
    from landuse.stages.assess import design as stage

    found = stage(Path(change), target_of(out, "sample"), DesignOptions(**options))
    return Tables(found.out, "strata.csv", f"a sample of {sum(found.units.values()):,} cells")


@keywords(EstimateOptions)
def assess_estimate(sample: Address, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """What a labelled sample says: areas with 95 % intervals, and the accuracy of the change map.

    Args:
        sample: a labelled sample.csv.
        out: folder to write; see `landuse.api` for none.
        options: see `landuse.options.results.EstimateOptions`.
    """
    from landuse.stages.assess import estimate as stage

    target = target_of(out, "areas")
    found = stage(Path(sample), target, EstimateOptions(**options))
    overall = found.parts["transition"].found.overall
    right = f"right on {overall.value[0]:.1%} of the land (± {overall.half_width[0]:.1%})"
    return Tables(target, "areas.csv", f"areas from {found.answered:,} answers; the change map is {right}")


@keywords(AuditOptions)
def audit_sites(change: Address, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """Draw the sites that are most worth a look, with `label.html`, on which people say whether they changed.

    Args:
        change: what `diff` wrote.
        out: folder to write; see `landuse.api` for none.
        options: see `landuse.options.results.AuditOptions`.
    """
    from landuse.stages.audit import audit as stage

    found = stage(Path(change), target_of(out, "audit"), AuditOptions(**options))
    return Tables(found.out, "audit.csv", f"{found.random + found.chosen:,} of {found.sites:,} sites to look at")


@keywords(AuditApplyOptions)
def audit_apply(answers: Address, change: Address | None = None, out: Address | None = None, **options: Any) -> Tables:  # noqa: ANN401
    """Rank sites anew by answers, and say how many of them are surely real.

    Args:
        answers: an audit.csv with its column `changed` filled in.
        change: what `diff` wrote, whose other files then go along.
        out: folder to write; see `landuse.api` for none.
        options: see `landuse.options.results.AuditApplyOptions`.
    """
    from landuse.stages.audit import apply as stage

    folder = None if change is None else Path(change)
    found = stage(Path(answers), target_of(out, "audited"), AuditApplyOptions(**options), folder)
    return Tables(found.out, "sites.csv", found.sentence.rstrip("."))
