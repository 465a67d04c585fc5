"""Reading windows: few files open at once, masks honoured, and damage named."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from landuse.errors import DamagedSourceError, NotARasterError, SourceNotFoundError
from landuse.mosaic.gdal import open_raster
from landuse.mosaic.source import BandAddress, Source

HUGE = 1e30
"""From here on a float is a fill value, however its declaration was rounded: -3.4e38 is written in several ways."""

Mask = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[Any]


class Window(NamedTuple):
    """A rectangle of pixels: offsets, then sizes."""

    col: int
    row: int
    width: int
    height: int


class OpenFiles:
    """The datasets last used, at most `max_open` of them. `level` counts overviews from 0; None is full resolution."""

    def __init__(self, max_open: int = 16) -> None:
        self._max_open = max(1, max_open)
        self._datasets: OrderedDict[tuple[str, int | None], Any] = OrderedDict()

    def __enter__(self) -> OpenFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._datasets)

    def dataset(self, path: str, level: int | None = None) -> Any:  # noqa: ANN401
        """The open dataset. Raises `SourceNotFoundError` or `NotARasterError` where it has gone since its header was read."""
        key = (path, level)
        if key in self._datasets:
            self._datasets.move_to_end(key)
            return self._datasets[key]
        while len(self._datasets) >= self._max_open:
            self._datasets.popitem(last=False)[1].close()
        self._datasets[key] = _open(path, level)
        return self._datasets[key]

    def drop(self, path: str, level: int | None = None) -> None:
        """Close one dataset: after an error its decoder may answer with garbage instead of failing again."""
        self._datasets.pop((path, level)).close()

    def close(self) -> None:
        """Close every dataset."""
        while self._datasets:
            self._datasets.popitem()[1].close()


def _open(path: str, level: int | None) -> Any:  # noqa: ANN401
    try:
        return open_raster(path) if level is None else open_raster(path, OVERVIEW_LEVEL=level)
    except RasterioError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        if "No such file" in reason or "does not exist" in reason:
            raise SourceNotFoundError(f"{path} is not there any more; put it back or leave it out.") from error
        raise NotARasterError(f"{path} cannot be opened as a raster any more ({reason}).") from error


def read_raw(
    files: OpenFiles, source: Source, window: Window, *, level: int | None = None, out: AnyArray | None = None
) -> tuple[AnyArray, Mask | None]:
    """Pixels of a window as stored.

    Args:
        source: what to read; its asked bands, in their order.
        window: in pixels of the level; must lie inside it.
        level: overview, None for full resolution.
        out: (h, w, B) array of the source's dtype to fill, which may be a view into a larger one. Where its h and w are not the
            window's, every so many pixels are taken (nearest, from overviews where there are some).

    Returns:
        Values (h, w, B), of a palette its colours, and which pixels hold imagery (h, w), None where all do. A pixel is empty
        where every asked band equals its nodata (as GDAL's dataset mask has it), is not finite or beyond `HUGE`, where alpha
        or the mask band is 0, where its colour is clear, and in the source's collar.

    Raises:
        DamagedSourceError: the pixels cannot be read.
    """
    if out is None:
        out = np.empty((window.height, window.width, len(source.bands)), dtype=source.dtype)
    valid: Mask | None
    if source.palette:
        valid = _read_colours(files, source, window, level, out)
    else:
        _read_values(files, source, window, level, out)
        valid = _not_nodata(source, out)
    return out, _valid(files, source, window, level, out, valid) if source.has_mask else None


def read_valid(files: OpenFiles, source: Source, window: Window, shape: tuple[int, int]) -> Mask | None:
    """Which pixels of a window hold imagery, as `read_raw` has it; the bands themselves are read only where they decide.

    Args:
        window: in its pixels.
        shape: (h, w) of the answer; where it is not the window's, every so many pixels are taken.
    """
    floats = np.dtype(source.dtype).kind == "f"
    if source.palette or source.collar is not None or floats or any(value is not None for value in source.nodata):
        return read_raw(files, source, window, out=np.empty((*shape, len(source.bands)), source.dtype))[1]
    return _valid(files, source, window, None, np.empty((*shape, 0), source.dtype), None)


def _read_values(files: OpenFiles, source: Source, window: Window, level: int | None, out: AnyArray) -> None:
    for path, positions in _by_path(source.bands).items():
        numbers = [source.bands[position].band for position in positions]
        whole = len(positions) == len(source.bands)
        target = out.transpose(2, 0, 1) if whole else np.empty((len(numbers), *out.shape[:2]), out.dtype)
        _read_bands(files, (path, level), numbers, window, target)
        if not whole:
            for plane, position in zip(target, positions, strict=True):
                out[..., position] = plane


def _read_colours(files: OpenFiles, source: Source, window: Window, level: int | None, out: AnyArray) -> Mask:
    """The asked parts of a palette's colours; returns the pixels whose colour is neither nodata nor clear."""
    path, band = source.bands[0].path, source.bands[0].band
    dataset = files.dataset(path, level)
    numbers = np.empty((1, *out.shape[:2]), dtype=dataset.dtypes[band - 1])
    colours = np.zeros((np.iinfo(numbers.dtype).max + 1, 4), np.uint8)
    for number, colour in dataset.colormap(band).items():
        colours[number] = colour
    _read_bands(files, (path, level), [band], window, numbers)
    found = colours[numbers[0]]
    for position, address in enumerate(source.bands):
        out[..., position] = found[..., address.part or 0]
    return np.asarray((found[..., 3] > 0) & (numbers[0] != source.nodata[0]))


def _by_path(bands: Sequence[BandAddress]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for position, band in enumerate(bands):
        found.setdefault(band.path, []).append(position)
    return found


def _read_bands(
    files: OpenFiles, file: tuple[str, int | None], numbers: list[int], window: Window, out: AnyArray
) -> None:
    dataset = files.dataset(*file)
    try:
        dataset.read(numbers, window=RasterioWindow(*window), out=out)
    except RasterioError as error:
        files.drop(*file)
        raise _damaged(file[0], window, error) from error


def _read_mask(files: OpenFiles, file: tuple[str, int | None], window: Window, shape: tuple[int, ...]) -> Mask:
    dataset = files.dataset(*file)
    try:
        mask = dataset.read_masks(1, window=RasterioWindow(*window), out_shape=shape)
    except RasterioError as error:
        files.drop(*file)
        raise _damaged(file[0], window, error) from error
    return np.asarray(mask > 0)


def _damaged(path: str, window: Window, error: RasterioError) -> DamagedSourceError:
    cause = error.__cause__ or error
    reason = " ".join(str(cause).split()).rstrip(".")
    return DamagedSourceError(
        f"{path} is damaged: columns {window.col} to {window.col + window.width - 1}, rows {window.row} to "
        f"{window.row + window.height - 1} cannot be read ({reason}); copy or download the file again."
    )


def _valid(
    files: OpenFiles, source: Source, window: Window, level: int | None, data: AnyArray, valid: Mask | None
) -> Mask | None:
    """Which of the pixels that are `valid` by their values hold imagery; None where all do."""
    if source.alpha is not None:
        alpha = np.empty((1, *data.shape[:2]), dtype=source.dtype)
        _read_bands(files, (source.alpha.path, level), [source.alpha.band], window, alpha)
        valid = _both(valid, alpha[0] > 0)
    if source.masked:
        masks = [_read_mask(files, (path, level), window, data.shape[:2]) for path in source.paths]
        valid = _both(valid, np.logical_or.reduce(masks))
    if source.collar is not None:
        empty = source.collar.hidden(data, *_middles(source, window, level, data.shape))
        valid = valid if empty is None else _both(valid, ~empty)
    return None if valid is None or valid.all() else valid


def _middles(
    source: Source, window: Window, level: int | None, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    factor = 1 if level is None else source.overviews[level]
    height, width = -(-source.height // factor), -(-source.width // factor)
    rows = (window.row + (np.arange(shape[0]) + 0.5) * window.height / shape[0]) / height
    cols = (window.col + (np.arange(shape[1]) + 0.5) * window.width / shape[1]) / width
    return rows, cols


def _both(one: Mask | None, other: Mask) -> Mask:
    return other if one is None else one & other


def _not_nodata(source: Source, data: AnyArray) -> Mask | None:
    """Pixels of which any asked band differs from its nodata; None where no nodata can occur."""
    floats = data.dtype.kind == "f"
    if not floats and any(value is None for value in source.nodata):
        return None
    valid = np.zeros(data.shape[:2], dtype=bool)
    for position, nodata in enumerate(source.nodata):
        band = data[..., position]
        filled = np.abs(band) < HUGE if floats else True
        valid |= filled if nodata is None else filled & (band != data.dtype.type(nodata))
    return valid
