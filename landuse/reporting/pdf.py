"""HTML as PDF: by a Chromium on this machine, else by WeasyPrint if it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from landuse.errors import LanduseError, MissingDependencyError
from landuse.outputs.folder import written_beside

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS = ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
SECONDS = 180
PDF = b"%PDF-"


def find_browser(environment: Mapping[str, str] | None = None) -> str | None:
    """The first browser on this machine that prints without a window; None where there is none."""
    environment = os.environ if environment is None else environment
    found = (shutil.which(name, path=environment.get("PATH", "")) for name in BROWSERS)
    roots = [environment[name] for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA") if name in environment]
    places = [*map(Path, PLACES), *(Path(root) / end for root in roots for end in WINDOWS)]
    return next((path for path in found if path), None) or next((str(p) for p in places if p.is_file()), None)


def check_printable() -> None:
    """Raise `MissingDependencyError` where nothing on this machine makes a PDF, before anything long is begun."""
    if find_browser() is None and find_spec("weasyprint") is None:
        raise MissingDependencyError(
            "A PDF is printed by Chromium, Chrome or Edge, and none is on this machine: install one, or WeasyPrint by "
            "pip install 'landuse[pdf]', or open the HTML in any browser and print it."
        )


def write_pdf(html: str, path: Path) -> None:
    """Print a page that fetches nothing.

    Raises:
        MissingDependencyError: nothing on this machine makes a PDF.
        LanduseError: it failed.
    """
    check_printable()
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="landuse-", ignore_cleanup_errors=True) as name:
        made = Path(name) / "report.pdf"
        if browser is not None:
            _by_browser(browser, html, made)
        else:
            _by_weasyprint(html, made)
        with written_beside(path) as partial:
            shutil.copyfile(made, partial)


def _by_browser(browser: str, html: str, made: Path) -> None:
    page = made.with_suffix(".html")
    page.write_text(html, encoding="utf8")
    command = [browser, "--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"]
    command += [f"--user-data-dir={made.parent / 'profile'}", f"--print-to-pdf={made}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--no-sandbox")  # as root there is no other way; the page holds no script and fetches nothing
    try:
        subprocess.run([*command, page.as_uri()], capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LanduseError(f"{browser} could not print the report: {error}.") from error
    if not made.is_file() or not made.read_bytes().startswith(PDF):
        raise LanduseError(f"{browser} could not print the report; open the HTML in it and print it from there.")


def _by_weasyprint(html: str, made: Path) -> None:
    from weasyprint import HTML

    HTML(string=html).write_pdf(made)
