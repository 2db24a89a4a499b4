"""LazyPatterns: diffraction patterns that stay in their file and are read when they are asked for.

They stand where an array of patterns may stand: `len`, `shape`, `dtype`, and frames by a slice, numbers or a
boolean mask, which are read then, and not kept. What is done to every frame is a step, done when it is read.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError

Step = Callable[[NDArray[Any], NDArray[np.intp]], NDArray[Any]]
"""From frames (k, H, W) and their numbers (k,) in the scan to frames (k, h, w)."""
_HELD_BYTES = 64 << 20
"""A selection of at most so much is read once and held."""
_CHUNK_BYTES = 32 << 20


class PatternFile(Protocol):
    """What patterns are read from."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """As they are stored."""
        ...

    def read(self, frames: slice | NDArray[np.intp]) -> NDArray[Any]:
        """The frames (k, H, W) of a slice with step 1, or of numbers in any order."""
        ...


@dataclass(frozen=True, eq=False)
class LazyPatterns:
    """Frames of a file, and what is done to each of them."""

    file: PatternFile
    frames: NDArray[np.intp] | None = None
    """(n,) which frames of the file these are, in their order; None: all."""
    steps: tuple[Step, ...] = ()

    def __len__(self) -> int:
        return self.file.shape[0] if self.frames is None else len(self.frames)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, P, P) after all steps."""
        height, width = self._none.shape[1:]
        return len(self), height, width

    @property
    def dtype(self) -> np.dtype[Any]:
        """After all steps."""
        return self._none.dtype

    @property
    def ndim(self) -> int:
        """3."""
        return 3

    @property
    def nbytes(self) -> int:
        """Of all patterns, were they in memory."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __getitem__(self, which: slice | NDArray[Any] | list[int]) -> NDArray[Any]:
        """The frames `which` (k, P, P), read now."""
        numbers = self._numbers(which)
        stored = numbers if self.frames is None else self.frames[numbers]
        if not len(numbers):
            return self._none
        whole = np.array_equal(stored, np.arange(stored[0], stored[0] + len(stored)))
        asked = slice(int(stored[0]), int(stored[-1]) + 1) if whole else stored
        return self._after(self.file.read(asked), numbers)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of them, in memory."""
        if copy is False:
            raise ValueError("patterns that are in a file cannot be had without a copy")
        read = self.load()
        return read if dtype is None else read.astype(dtype)

    def load(self) -> NDArray[Any]:
        """All of them, in memory; raises `ScanError` when it has not the room."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if self.nbytes > memory:
            raise ScanError(
                f"patterns {self.shape} {self.dtype} take {self.nbytes / 2**30:.1f} GiB, more than the "
                f"{memory / 2**30:.1f} GiB of this machine: crop, bin, choose frames, or read by ranges"
            )
        loaded = np.empty(self.shape, self.dtype)
        for part in self.ranges():
            loaded[part] = self[part]
        return loaded

    def ranges(self, chunk_bytes: int = _CHUNK_BYTES) -> list[slice]:
        """Slices that cover all frames, each of about `chunk_bytes` as stored."""
        one = int(np.prod(self.file.shape[1:], dtype=np.int64)) * self.file.dtype.itemsize
        size = max(1, chunk_bytes // max(one, 1))
        return [slice(start, min(start + size, len(self))) for start in range(0, len(self), size)]

    def select(self, which: slice | NDArray[Any] | list[int]) -> "LazyPatterns | NDArray[Any]":
        """The frames `which`: read and held when they are few, else still in the file."""
        numbers = self._numbers(which)
        chosen = numbers if self.frames is None else self.frames[numbers]
        fewer = replace(self, frames=chosen)
        return fewer.load() if len(numbers) < len(self) and fewer.nbytes <= _HELD_BYTES else fewer

    def then(self, step: Step) -> "LazyPatterns":
        """With `step` done to every frame when it is read."""
        return replace(self, steps=(*self.steps, step))

    def _numbers(self, which: slice | NDArray[Any] | list[int]) -> NDArray[np.intp]:
        return np.arange(len(self))[which if isinstance(which, slice) else np.asarray(which)]

    @property
    def _stored_none(self) -> NDArray[Any]:
        return np.empty((0, *self.file.shape[1:]), self.file.dtype)

    @cached_property
    def _none(self) -> NDArray[Any]:
        """No frame, after all steps: of the shape and type that frames have."""
        return self._after(self._stored_none, np.zeros(0, np.intp))

    def _after(self, read: NDArray[Any], numbers: NDArray[np.intp]) -> NDArray[Any]:
        for step in self.steps:
            read = step(read, numbers)
        return read


Patterns = NDArray[Any] | LazyPatterns


def each_frame(patterns: Patterns, step: Step) -> Patterns:
    """`step` done to every frame (k, H, W): now, or when it is read."""
    if isinstance(patterns, LazyPatterns):
        return patterns.then(step)
    return step(patterns, np.arange(len(patterns)))


def chosen_frames(patterns: Patterns, which: slice | NDArray[Any]) -> Patterns:
    """The frames `which`, without reading many of them."""
    return patterns.select(which) if isinstance(patterns, LazyPatterns) else patterns[which]
