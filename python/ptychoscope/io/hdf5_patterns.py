"""Patterns in HDF5 data sets: frames first or last, on a grid, of one channel, or in several data sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.decompress_datasets import check_bitshuffle, codec_of, read_packed
from ptychoscope.io.linked_hdf5 import ScanHdf5, hdf5_errors
from ptychoscope.io.virtual_frames import Block, frame_blocks
from ptychoscope.lazy_patterns import LazyPatterns, PatternFile


@dataclass(frozen=True, eq=False)
class Hdf5Patterns:
    """A data set (n, H, W), a grid (ny, nx, H, W), frames last (H, W, n), or a channel of (n, C, H, W)."""

    file: ScanHdf5
    """Kept open as long as its patterns are."""
    dataset: h5py.Dataset
    frames_last: bool = False
    channel: int | None = None
    length: int | None = None
    """Frames that are there, of those that the data set declares; None: all."""

    def __post_init__(self) -> None:
        label = f"{self.dataset.name} in {self.file.path}"
        if self.dataset.dtype.kind not in "uif" or self.dataset.dtype.itemsize > 8:
            raise ScanError(f"{label} must be real numbers, got {self.dataset.dtype}")
        if self.dataset.ndim != (4 if self.channel is not None else 3) and (
            self.dataset.ndim != 4 or self.frames_last
        ):
            raise ScanError(f"{label} must be (n, H, W) or a grid (ny, nx, H, W), got {self.dataset.shape}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""
        stored = self.dataset.shape
        if self.frames_last:
            return stored[2], stored[0], stored[1]
        n = stored[0] if len(stored) == 3 or self.channel is not None else stored[0] * stored[1]
        return (n if self.length is None else min(n, self.length)), stored[-2], stored[-1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored, in the machine's byte order."""
        dtype: np.dtype[Any] = self.dataset.dtype.newbyteorder("=")
        return dtype

    def read(self, frames: slice | NDArray[np.intp]) -> NDArray[Any]:
        """The frames (k, H, W) of a slice with step 1, or of numbers in any order."""
        with hdf5_errors(self.file.path):
            if isinstance(frames, slice):
                return self._slice(frames.start, frames.stop)
            if not len(frames):
                return np.empty((0, *self.shape[1:]), self.dtype)
            parts = [self._slice(start, stop) for start, stop in _runs(np.unique(frames))]
            return np.concatenate(parts)[np.searchsorted(np.unique(frames), frames)]

    def _slice(self, start: int, stop: int) -> NDArray[Any]:
        part = [slice(0, side) for side in self.dataset.shape]
        if self.frames_last:
            part[2] = slice(start, stop)
            return np.ascontiguousarray(np.moveaxis(self._stored(part), 2, 0))
        if self.channel is not None:
            part[:2] = slice(start, stop), slice(self.channel, self.channel + 1)
            return self._stored(part)[:, 0]
        if self.dataset.ndim == 3:
            part[0] = slice(start, stop)
            return self._stored(part)
        columns = self.dataset.shape[1]
        first, last = start // columns, -(-stop // columns)
        part[0] = slice(first, last)
        rows = self._stored(part).reshape(-1, *self.shape[1:])
        return rows[start - first * columns : stop - first * columns]

    def _stored(self, part: list[slice]) -> NDArray[Any]:
        """The data set at `part`; of a virtual one from its sources, whose packing we can undo ourselves."""
        if self._blocks is None:
            return _read(self.dataset, part)
        shape = [s.stop - s.start for s in part]
        result = np.full(shape, self.dataset.fillvalue, self.dtype)
        for block in self._blocks:
            start, stop = max(block.start, part[0].start), min(block.stop, part[0].stop)
            if start < stop:
                shift = block.first - block.start
                inner = [slice(start + shift, stop + shift), *part[1:]]
                result[start - part[0].start : stop - part[0].start] = _read(block.dataset, inner)
        return result

    @cached_property
    def _blocks(self) -> list[Block] | None:
        return frame_blocks(self.file, self.dataset) if self.dataset.is_virtual else None


def _read(dataset: h5py.Dataset, part: list[slice]) -> NDArray[Any]:
    codec = codec_of(dataset)
    if codec is not None:
        return read_packed(dataset, codec, tuple(part))
    check_bitshuffle(dataset, tuple(part))
    return np.asarray(dataset[tuple(part)])


@dataclass(frozen=True, eq=False)
class JoinedPatterns:
    """Several files of patterns, one after the other."""

    parts: Sequence[PatternFile]

    def __post_init__(self) -> None:
        kinds = {(part.shape[1:], part.dtype) for part in self.parts}
        if len(kinds) != 1:
            raise ScanError(
                f"patterns that belong together differ in shape or type: {sorted(map(str, kinds))}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""
        return sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of all of them."""
        return self.parts[0].dtype

    def read(self, frames: slice | NDArray[np.intp]) -> NDArray[Any]:
        """The frames (k, H, W) of a slice with step 1, or of numbers in any order."""
        numbers = np.arange(frames.start, frames.stop) if isinstance(frames, slice) else np.asarray(frames)
        ends = np.cumsum([part.shape[0] for part in self.parts])
        which = np.searchsorted(ends, numbers, side="right")
        result = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        for k in np.unique(which):
            mine = which == k
            inside = numbers[mine] - (ends[k] - self.parts[k].shape[0])
            whole = np.array_equal(inside, np.arange(inside[0], inside[0] + len(inside)))
            asked = slice(int(inside[0]), int(inside[-1]) + 1) if whole else inside
            result[mine] = self.parts[k].read(asked)
        return result


def _runs(numbers: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Sorted different numbers as ranges (start, stop)."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return [(int(run[0]), int(run[-1]) + 1) for run in runs]


def patterns_of_root(file: ScanHdf5, name: str, otherwise: str) -> LazyPatterns:
    """Those in the data set `name` of the root; where it is not, raises `ScanError` that says `otherwise`."""
    found = file.dataset(f"/{name}")
    if found is None:
        raise ScanError(f"{file.path} has no data set {name}: {otherwise}")
    return LazyPatterns(Hdf5Patterns(file, found))
