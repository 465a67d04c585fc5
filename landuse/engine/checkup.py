"""What `landuse doctor` looks at. Nothing here starts Spark or imports TensorFlow: it answers within a second or two."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from landuse.engine import machine
from landuse.engine.java import find_java
from landuse.errors import MissingDependencyError
from landuse.version import __version__

OK, NOTE, STOP = "ok", "note", "stop"
_GIB = 1 << 30
_LEAST_MEMORY, _LEAST_DISK = 2 * _GIB, 2 * _GIB
_NEEDED = ("numpy", "pandas", "pyarrow", "rasterio", "geopandas", "openvino", "scikit-learn", "pyspark")
_RASTER_DRIVERS = ("GTiff", "COG", "VRT", "PNG", "JPEG", "JP2OpenJPEG")
_VECTOR_DRIVERS = ("GPKG", "GeoJSON", "ESRI Shapefile")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the check-up.

    Attributes:
        grade: ``ok``; ``note`` where something works less well or not at all; ``stop`` where landuse cannot run.
        mend: what to do, unless all is well.
    """

    grade: str
    what: str
    has: str
    mend: str = ""

    @property
    def stops(self) -> bool:
        """Whether landuse cannot run because of it."""
        return self.grade == STOP


def check_up() -> list[Finding]:
    """Look at everything; the findings in the order to show them."""
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python, _libraries, _java, _cores, _instructions, _memory, _disk, _gdal, _training,
    )  # fmt: skip
    return [finding for look in looks for finding in look()]


def _python() -> Iterator[Finding]:
    yield Finding(OK, "landuse", f"{__version__} on Python {sys.version.split()[0]} ({sys.executable})")


def _libraries() -> Iterator[Finding]:
    found = {name: _installed(name) for name in _NEEDED}
    missing = [name for name, number in found.items() if number is None]
    has = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    if missing:
        mend = "run 'make setup' in a checkout, or install landuse's wheel again."
        yield Finding(STOP, "libraries", has, f"Missing: {', '.join(missing)}; {mend}")
    elif int((found["pandas"] or "0").split(".")[0]) >= 3:
        yield Finding(NOTE, "libraries", has, "Spark needs pandas before 3: run 'pip install \"pandas<3\"'.")
    else:
        yield Finding(OK, "libraries", has)


def _java() -> Iterator[Finding]:
    """The Java that Spark will use. Without one, --master inline still works."""
    try:
        found = find_java()
    except MissingDependencyError as error:
        yield Finding(NOTE, "Java", "none of 17 or newer", str(error))
        return
    if shutil.which("bash") is None:
        yield Finding(
            NOTE, "Java", f"{found.version}, but no bash", "Spark starts by bash: install it, or use --master inline."
        )
        return
    yield Finding(OK, "Java", f"{found.version} from {found.origin} ({found.binary})")


def _cores() -> Iterator[Finding]:
    usable, there = machine.cores(), os.cpu_count() or 1
    yield Finding(OK, "cores", f"{usable} of {there} may be used" if usable < there else f"{usable}")


def _instructions() -> Iterator[Finding]:
    sets = machine.instruction_sets()
    has = f"{machine.processor_name()}: {', '.join(sets) or 'none that speed up inference'}"
    if any(name in sets for name in ("amx_bf16", "avx512_bf16")):
        yield Finding(OK, "processor", f"{has}; inference in bfloat16")
    else:
        yield Finding(OK, "processor", f"{has}; inference in float32, as there are no bfloat16 units")


def _memory() -> Iterator[Finding]:
    memory = machine.memory()
    has = f"{memory.available / _GIB:.1f} GiB free of {memory.total / _GIB:.1f} GiB"
    if memory.available < _LEAST_MEMORY:
        yield Finding(NOTE, "memory", has, "A run needs about 2 GiB; end other programs or give --master inline.")
    else:
        yield Finding(OK, "memory", has)


def _disk() -> Iterator[Finding]:
    """Room where results and where temporary files go, and whether they may be written."""
    for what, folder in (("disk here", Path.cwd()), ("disk for temporary files", Path(tempfile.gettempdir()))):
        free = machine.free_disk(folder)
        has = f"{free / _GIB:.1f} GiB free in {folder}"
        if not os.access(folder, os.W_OK):
            yield Finding(NOTE, what, f"{has}, not writable", "Give --out elsewhere, or set TMPDIR to another folder.")
        elif free < _LEAST_DISK:
            yield Finding(NOTE, what, has, "A county's results need a few GiB; make room, or set TMPDIR or --out.")
        else:
            yield Finding(OK, what, has)


def _gdal() -> Iterator[Finding]:
    """The two GDALs that the wheels of rasterio and pyogrio carry, and the drivers that surveys and results need."""
    try:
        import rasterio
        from rasterio.env import Env

        from landuse.ogr import pyogrio
    except ImportError as error:
        mend = "Run 'pip install --force-reinstall rasterio pyogrio'."
        yield Finding(STOP, "GDAL", f"does not load ({error})", mend)
        return
    with Env() as env:
        yield _drivers("GDAL, rasters", rasterio.__gdal_version__, _RASTER_DRIVERS, set(env.drivers()))
    numbers = ".".join(map(str, pyogrio.__gdal_version__))
    yield _drivers("GDAL, vectors", numbers, _VECTOR_DRIVERS, set(pyogrio.list_drivers()))


def _drivers(what: str, number: str, wanted: tuple[str, ...], there: set[str]) -> Finding:
    missing = [name for name in wanted if name not in there]
    has = f"{number} with {', '.join(name for name in wanted if name in there)}"
    if not missing:
        return Finding(OK, what, has)
    return Finding(NOTE, what, has, f"No driver for {', '.join(missing)}; install the wheels from PyPI.")


def _training() -> Iterator[Finding]:
    found = _installed("tensorflow")
    if found is None:
        mend = "Maps from trained models work; for training run 'pip install tensorflow'."
        yield Finding(NOTE, "training", "no TensorFlow", mend)
    else:
        yield Finding(OK, "training", f"TensorFlow {found}")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
