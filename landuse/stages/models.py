"""What is made of a model: `quantise`, which lets it compute in 8-bit integers, and `export`, for other programs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from landuse.chips import ChipSet, read_chips
from landuse.engine.progress import Progress, busy
from landuse.errors import LanduseError, OutputExistsError, QuantisationError, UsageError
from landuse.grid import CHIP_M, Cell
from landuse.models.bundle import Bundle, check_model_out, find_bundle, read_bundle, write_bundle
from landuse.models.export import ASSETS, DESCRIPTION, SUFFIXES, described, write_export
from landuse.models.libraries import Floats, Images
from landuse.models.quantisation import LEAST_AGREEMENT, Quantisation, measure, unmeasured
from landuse.models.runtime import OpenVinoRuntime, Prediction
from landuse.mosaic import MosaicReader
from landuse.options.results import ExportOptions, QuantiseOptions
from landuse.outputs.folder import output_lock
from landuse.scoring.block import split_row
from landuse.scoring.plan import check_bands
from landuse.text import counted

FEWEST = 20
"""Chips that are needed at least, half of them held back."""
SHARE = 0.5
"""Where a range ends between the mean of the images' extremes and the outermost of them."""


def quantise(model: str | Path, data: Sequence[Path], out: Path, options: QuantiseOptions) -> Quantisation:
    """Measure the ranges of a model's tensors on chips and write the model with them.

    Returns:
        The ranges and the agreement, as written.

    Raises:
        OutputExistsError: `out` exists and `fresh` is not given.
        QuantisationError: the labels of the held-back chips differ too often in 8 bits.
        UsageError: too few chips can be read.
    """
    check_model_out(out, fresh=options.fresh)
    with output_lock(out):
        return _quantise(model, data, out, options)


def _quantise(model: str | Path, data: Sequence[Path], out: Path, options: QuantiseOptions) -> Quantisation:
    bundle = replace(read_bundle(find_bundle(model)), quantisation=None)
    images = drawn_images(bundle, data, options)
    count = min(options.chips, len(images) // 2)
    with busy("measuring what the layers hold"):
        ranges = measure(bundle.backbone.graph(f"Model {bundle.name}"), bundle.name, [images[:count]]).ranges(SHARE)
    with busy("comparing labels"):
        found = compared(bundle, ranges, images[count:], count)
    if found.agreement < LEAST_AGREEMENT:
        raise QuantisationError(
            f"In 8 bits model {bundle.name} gives {found.agreement:.2%} of {found.held_back:,} held-back chips the label of "
            f"{found.against}, and {LEAST_AGREEMENT:.0%} is asked for: use it with --precision auto."
        )
    write_bundle(replace(bundle, quantisation=found), out)
    return found


def compared(bundle: Bundle, ranges: dict[str, tuple[float, float]], held: Images, count: int) -> Quantisation:
    """How often a model's labels of held-back images uint8 (n, px, px, bands) stay the same in 8 bits."""
    rounded = replace(bundle, quantisation=unmeasured(ranges))
    plain, narrow = OpenVinoRuntime(bundle), OpenVinoRuntime(rounded, "int8")
    same = labels_of(bundle, plain.predict(held)) == labels_of(bundle, narrow.predict(held))
    return Quantisation(
        ranges=ranges,
        agreement=float(same.all(axis=1).mean()),
        chips=count,
        held_back=len(held),
        against=plain.precision,
    )


def labels_of(bundle: Bundle, found: Prediction) -> Floats:
    """Labels (n, k): the likeliest class alone, or of a head of several labels which of all classes."""
    thresholds = bundle.head.thresholds
    if thresholds is None:
        return np.asarray(found.probabilities.argmax(axis=1)[:, None], np.float32)
    return np.asarray(found.probabilities >= thresholds, np.float32)


def drawn_images(bundle: Bundle, data: Sequence[Path], options: QuantiseOptions) -> Images:
    """Chips drawn at random from some tables, uint8 (n, px, px, bands), in random order."""
    wanted = options.chips + options.held_back
    tables = [read_chips(path) for path in data]
    total = sum(map(len, tables))
    rng = np.random.default_rng(options.seed)
    chosen = np.sort(rng.permutation(total)[:wanted])
    found, start = [], 0
    with Progress(len(chosen), "chips", "reading") as progress:
        progress.begin()
        for table in tables:
            check_bands(table, bundle)
            mine = chosen[(chosen >= start) & (chosen < start + len(table))] - start
            found += list(readable_images(table.take(mine), bundle.chip_px, progress))
            start += len(table)
    if len(found) < FEWEST:
        raise UsageError(f"Only {counted(len(found), 'chip')} can be read, and {FEWEST} are needed: give more chips.")
    return np.stack([found[i] for i in rng.permutation(len(found))])


def readable_images(chips: ChipSet, px: int, progress: Progress) -> Iterator[Images]:
    """The chips that can be read, uint8 (px, px, bands) each."""
    with MosaicReader(chips.survey, replace(chips.grid, chip_px=px)) as reader:
        for row, col in zip(chips.rows.tolist(), chips.cols.tolist(), strict=True):
            progress.advance()
            try:
                yield split_row(reader.read(Cell(row, col)))[0]
            except (LanduseError, OSError):
                continue


def export(model: str | Path, out: Path, options: ExportOptions) -> list[Path]:
    """Write the whole classifier for other programs, from pixels to probabilities, with what it says of itself.

    Args:
        out: the ``.onnx`` or ``.xml`` file to write, or the folder of a SavedModel.

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
    if target.is_dir():
        shutil.rmtree(target)
    staged.replace(target)
    return target
