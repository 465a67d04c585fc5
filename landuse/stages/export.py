"""`export`: a model as a file that other programs run."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from landuse.engine.lock import output_lock
from landuse.engine.progress import busy
from landuse.errors import LanduseError, OutputExistsError, UsageError
from landuse.grid import CHIP_M
from landuse.models.bundle import find_bundle, read_bundle
from landuse.models.export import ASSETS, DESCRIPTION, SUFFIXES, described, write_export
from landuse.options.results import ExportOptions


def export(model: str | Path, out: Path, options: ExportOptions) -> list[Path]:
    """Write the whole classifier for other programs, from pixels to probabilities, with what it says of itself.

    Args:
        model: a model file, or the name of one that ships.
        out: the ``.onnx`` or ``.xml`` file to write, or the folder of a SavedModel.
        options: the format, and the ground that a chip covers.

    Returns:
        What was written: one path, or OpenVINO's description and the weights beside it.

    Raises:
        OutputExistsError: `out` exists and `fresh` is not given, or is a folder that is no export.
        UsageError: another suffix than that of the format, or a model that cannot be written so; it says why.
        ModelFileError: the model cannot be read.
    """
    _check_out(out, options)
    bundle = read_bundle(find_bundle(model))
    known = bundle.metres_per_pixel
    chip_m = options.chip_m or (CHIP_M if known is None else known * bundle.chip_px)
    with output_lock(out), busy("writing the model"):
        try:
            with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as scratch:
                staged = Path(scratch) / out.name
                write_export(bundle, options.format, staged, described(bundle, chip_m))
                return [_moved(path, out.parent / path.name) for path in sorted(Path(scratch).iterdir())]
        except OSError as error:
            raise LanduseError(f"Cannot write {out}: {error.strerror}.") from error


def _check_out(out: Path, options: ExportOptions) -> None:
    """Raise unless `out` may be written in this format."""
    suffix = SUFFIXES[options.format]
    if suffix and out.suffix != suffix:
        raise UsageError(
            f"A file for --format {options.format} ends in {suffix}: give --out {out.with_suffix(suffix)}."
        )
    written = [out, *([out.with_suffix(".bin")] if options.format == "openvino" else [])]
    for path in (path for path in written if path.exists()):
        if not options.fresh:
            raise OutputExistsError(f"{path} exists; give another --out, or --fresh to replace it.")
        if path.is_dir() and not (path / ASSETS / DESCRIPTION).is_file():
            raise OutputExistsError(f"{path} is a folder that landuse export did not write: give another --out.")


def _moved(staged: Path, target: Path) -> Path:
    """Put a file or folder where it belongs, in place of an earlier one."""
    if target.is_dir():
        shutil.rmtree(target)
    staged.replace(target)
    return target
