"""`report`: two pages of what changed, to be forwarded."""

from __future__ import annotations

import os
from pathlib import Path

from landuse.engine.lock import output_lock
from landuse.engine.progress import busy
from landuse.errors import LanduseError, OutputExistsError
from landuse.options.results import ReportOptions
from landuse.outputs.folder import followed
from landuse.outputs.page import check_replaceable
from landuse.reporting.page import report_html
from landuse.reporting.pdf import check_printable, write_pdf
from landuse.reporting.report import Beside, gather


def report(change: Path, out: Path, options: ReportOptions | None = None) -> None:
    """Write the report of a comparison.

    Args:
        change: a folder of `diff`.
        out: the ``.html`` to write; a page of landuse is replaced.
        options: paper, and what is told beside the comparison.

    Raises:
        OutputExistsError: `out` is no page of landuse, or the PDF is there, and `fresh` is not given.
        MissingDependencyError: a PDF is asked for, and nothing on this machine prints one.
        LanduseError: in one of its kinds: what is read cannot serve, or nothing can be written.
    """
    options = options or ReportOptions()
    target = followed(out)
    check_replaceable(target, fresh=options.fresh)
    if options.pdf is not None:
        check_printable()
        if options.pdf.exists() and not options.fresh:
            raise OutputExistsError(f"{options.pdf} is there already; give another --pdf, or --fresh to replace it.")
    with output_lock(target), busy("writing the report"):
        contents = gather(change, Beside(options.assess, options.districts, options.district_name))
        html = report_html(contents, options.title, options.paper)
        _write(target, html)
        if options.pdf is not None:
            write_pdf(html, options.pdf)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise LanduseError(f"Cannot write {path}: {error.strerror}.") from error
