"""What is followed of a file: its data sets, checked once, before anything is read of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from ptychoscope.errors import ScanError
from ptychoscope.io.decompress_datasets import codec_of
from ptychoscope.live.message_checks import LONGEST_PX
from ptychoscope.live.swmr.decode import DTYPES
from ptychoscope.live.swmr.options import SwmrOptions

FOREIGN = (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, MemoryError)
"""What h5py and numpy raise of a file that is damaged, or not what it should be."""
_MOST_CHUNK_BYTES = 1 << 29


@dataclass(frozen=True)
class FileParts:
    """Data sets of an open file."""

    frames: h5py.Dataset
    """(n, H, W)."""
    codec: Literal["none", "lz4", "bslz4"] | None
    """How chunks of one frame each are packed; None where HDF5 must read them."""
    positions: list[h5py.Dataset]
    """None, one of (n, 2), or two of (n,)."""
    ready: list[h5py.Dataset]
    end: h5py.Dataset | None
    end_attribute: str

    @property
    def all(self) -> list[h5py.Dataset]:
        """What must be refreshed to be seen as it is now."""
        end = [] if self.end is None else [self.end]
        once = {id(each): each for each in (self.frames, *self.positions, *self.ready, *end)}
        return list(once.values())

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of frames as they are handed on."""
        little: np.dtype[Any] = self.frames.dtype.newbyteorder("<")
        return little

    def is_ended(self) -> bool:
        """Whether the mark of the end says so."""
        if self.end is None:
            return False
        if self.end_attribute:
            value = self.end.attrs.get(self.end_attribute, 0)
        else:
            value = self.end[()] if self.end.size else 0
        return bool(np.any(np.asarray(value) != 0))


def find_parts(file: h5py.File, options: SwmrOptions) -> FileParts:
    """What `options` name in `file`; raises `ScanError` for what is not there, or cannot be what it is."""
    opened: list[h5py.Dataset] = []

    def dataset(path: str) -> h5py.Dataset:
        """Opened once: HDF5 refreshes none that it holds open twice."""
        found = _dataset(file, path, options)
        same = next((each for each in opened if each == found), None)
        if same is None:
            opened.append(found)
        return found if same is None else same

    frames = _frames(dataset(options.frames_path), options)
    positions = [dataset(path) for path in _paths(options.positions)]
    for each in positions:
        wanted = (2,) if len(positions) == 1 else ()
        if each.shape[1:] != wanted or each.ndim < 1 or each.dtype.kind not in "iuf":
            raise ScanError(
                f"{each.name} in {options.file} is {each.shape} {each.dtype}: positions are (n, 2) numbers "
                "as (y, x), or two data sets of (n,) with a comma between their paths"
            )
    ready = [dataset(path) for path in _paths(options.ready)]
    for each in ready:
        if each.ndim < 1 or each.dtype.kind not in "iufb":
            raise ScanError(
                f"{each.name} in {options.file} is {each.shape} {each.dtype}: ready has a row a frame"
            )
    path, _, attribute = (options.end or "").partition("@")
    end = dataset(path) if path else None
    return FileParts(frames, _codec(frames), positions, ready, end, attribute)


def is_being_written(path: Path) -> bool:
    """Whether a writer has the file open, or had when it was killed, as the file's first bytes say."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head[:8] == b"\x89HDF\r\n\x1a\n" and len(head) == 12 and head[8] >= 3 and bool(head[11] & 5)


def _dataset(file: h5py.File, path: str, options: SwmrOptions) -> h5py.Dataset:
    try:
        found = file[path]
    except FOREIGN as error:
        raise ScanError(f"there is no data set {path} in {options.file} ({error}): name another") from error
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        raise ScanError(f"{path} in {options.file} is no data set of numbers: name another")
    return found


def _frames(dataset: h5py.Dataset, options: SwmrOptions) -> h5py.Dataset:
    where = f"{options.frames_path} in {options.file}"
    if dataset.ndim != 3 or dataset.dtype.newbyteorder("<").str not in DTYPES:
        raise ScanError(
            f"{where} is {dataset.shape} {dataset.dtype}: frames are (n, H, W) whole numbers or floats"
        )
    height, width = dataset.shape[1:]
    if not (0 < height <= LONGEST_PX and 0 < width <= LONGEST_PX):
        raise ScanError(f"{where} has frames of {height} x {width} pixels: 1 to {LONGEST_PX} are read")
    chunk = np.prod(dataset.chunks or (1,), dtype=object) * dataset.dtype.itemsize
    largest = max(chunk, height * width * dataset.dtype.itemsize)
    if largest > _MOST_CHUNK_BYTES:
        raise ScanError(
            f"{where} has {largest} bytes in a frame or chunk: at most {_MOST_CHUNK_BYTES} are read"
        )
    return dataset


def _codec(dataset: h5py.Dataset) -> Literal["none", "lz4", "bslz4"] | None:
    if dataset.chunks != (1, *dataset.shape[1:]) or dataset.is_virtual or dataset.dtype.str not in DTYPES:
        return None
    if not dataset.id.get_create_plist().get_nfilters():
        return "none"
    found = codec_of(dataset)
    return found if found in ("lz4", "bslz4") else None


def _paths(text: str | None) -> list[str]:
    return [] if text is None else text.split(",")
