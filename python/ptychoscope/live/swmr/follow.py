"""GrowingFile: what was added to an HDF5 file since the last look, as messages; in a process of its own.

The writer says by twelve bytes of the file whether it is still at work; so a file that was closed has ended
without being told, and one that stands still unclosed has lost its writer. Chunks are handed on as they are
stored where this program unpacks them itself, and else unpacked by HDF5.
"""

import math
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.io.decompress_datasets import codec_of, read_packed, stored_chunk
from ptychoscope.live.swmr.decode import MOST_POSITION_BYTES, Head, message
from ptychoscope.live.swmr.file_parts import FOREIGN, find_parts, is_being_written
from ptychoscope.live.swmr.options import SwmrOptions

_MOST_PENDING, _MOST_TRIES = 4096, 3
_CACHE_BYTES = 64 << 20
_AT_ONCE = 256
_SPARE_BYTES = 65536
_POSITIONS_AT_ONCE = MOST_POSITION_BYTES // 16


class GrowingFile:
    """Looks at a file again and again; it need not be there yet."""

    def __init__(self, options: SwmrOptions) -> None:
        self.problem: str | None = None
        """Why nothing comes, where it is known."""
        self.over = False
        self._options, self._path = options, Path(options.file)
        self._file: h5py.File | None = None
        self._next = self._next_position = 0
        self._pending: dict[int, int] = {}
        """Frames that are not there, though later ones are, and how often reading them has failed."""
        self._grew_s = time.monotonic()

    def look(self) -> Iterator[list[bytes]]:
        """Messages of what is new. Raises `ScanError` for a file that does not hold what was asked for."""
        if self._file is None:
            if not self._opened():
                return
            yield message(self._head("start", frames=self._options.frames))
        closed = not is_being_written(self._path)
        try:
            for dataset in self._parts.all:
                dataset.refresh()
            ended = closed or self._is_ended()
            stop, positions = self._stop(), self._new_positions(whole=ended)
        except FOREIGN as error:
            self.problem = f"{self._path} cannot be looked at: {error}"
            stop, positions, ended = self._next, None, False
        if positions is not None:
            yield from self._say_positions(positions)
        before = self._next
        yield from self._frames(stop)
        if self._next > before:
            self._grew_s, self.problem = time.monotonic(), None
        if self._next >= stop and not (ended and self._more_positions()):
            yield from self._end(ended)

    def _opened(self) -> bool:
        """Whether the file could be opened and is what was asked for."""
        try:
            self._file = h5py.File(self._path, "r", libver="latest", swmr=True, rdcc_nbytes=_CACHE_BYTES)
        except FileNotFoundError:
            self.problem = f"{self._path} is not there yet"
            return False
        except FOREIGN as error:
            self.problem = f"{self._path} cannot be followed yet: its writer must be in SWMR mode ({error})"
            return False
        self.problem, self._parts = None, find_parts(self._file, self._options)
        frames = self._parts.frames
        self._room = np.empty(2 * math.prod(frames.chunks or ()) * frames.dtype.itemsize + _SPARE_BYTES, "u1")
        self._grew_s = time.monotonic()
        return True

    def _is_ended(self) -> bool:
        if self._options.frames is not None and self._next >= self._options.frames:
            return True
        return self._parts.is_ended()

    def _stop(self) -> int:
        """Number of the first frame that is not there yet, as far as lengths tell."""
        stop = self._parts.frames.shape[0]
        if self._options.frames is not None:
            stop = min(stop, self._options.frames)
        for dataset in self._parts.ready:
            flags = np.asarray(dataset[self._next : stop])
            waits = np.flatnonzero(~flags.any(axis=tuple(range(1, flags.ndim))))
            stop = self._next + (int(waits[0]) if len(waits) else len(flags))
        return max(int(stop), self._next)

    def _new_positions(self, *, whole: bool) -> NDArray[np.float64] | None:
        """(k, 2) that are new, up to the first that is not finite unless nothing follows."""
        if not self._parts.positions:
            return None
        first = self._next_position
        stop = min([each.shape[0] for each in self._parts.positions] + [first + _POSITIONS_AT_ONCE])
        if stop <= first:
            return None
        columns = [np.asarray(each[first:stop], dtype=np.float64) for each in self._parts.positions]
        yx: NDArray[np.float64] = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
        if not whole:
            unknown = np.flatnonzero(~np.isfinite(yx).all(axis=1))
            yx = yx[: unknown[0]] if len(unknown) else yx
        return yx if len(yx) else None

    def _more_positions(self) -> bool:
        return any(each.shape[0] > self._next_position for each in self._parts.positions[:1])

    def _say_positions(self, yx: NDArray[np.float64]) -> Iterator[list[bytes]]:
        head = Head(what="positions", series=self._options.series, first=self._next_position)
        self._next_position += len(yx)
        yield message(head, np.ascontiguousarray(yx, "<f8").tobytes())

    def _frames(self, stop: int) -> Iterator[list[bytes]]:
        """Frames that are there: some that were missing, and then the next; not more than some at once."""
        for number in list(self._pending):
            yield from self._try(number)
        last = min(stop, self._next + _AT_ONCE)
        while self._next < last:
            if len(self._pending) >= _MOST_PENDING:
                del self._pending[next(iter(self._pending))]
            number, self._next = self._next, self._next + 1
            self._pending[number] = 0
            yield from self._try(number)

    def _try(self, number: int) -> Iterator[list[bytes]]:
        """A frame, if it is there; that it is lost, once it could not be read several times."""
        try:
            stored = self._stored(number)
        except FOREIGN as error:
            self._pending[number] += 1
            if self._pending[number] >= _MOST_TRIES:
                del self._pending[number]
                yield message(self._head("lost", number=number, why=f"cannot be read: {error}"[:1000]))
            return
        if stored is not None:
            del self._pending[number]
            codec, blob = stored
            yield message(self._head("frame", number=number, codec=codec), blob)

    def _stored(self, number: int) -> tuple[Any, bytes] | None:
        """Codec and bytes of a frame; None when it has not been written."""
        dataset = self._parts.frames
        if self._parts.codec is not None:
            stored = stored_chunk(dataset, (number, 0, 0), self._room)
            return None if stored is None else ("none" if stored[0] else self._parts.codec, stored[1])
        if dataset.chunks and not dataset.is_virtual:
            _, height, width = dataset.chunks
            for y, x in product(range(0, dataset.shape[1], height), range(0, dataset.shape[2], width)):
                if not self._is_there((number - number % dataset.chunks[0], y, x)):
                    return None
        packing = codec_of(dataset)
        if packing is None:
            pixels = dataset[number]
        else:
            _, height, width = dataset.shape
            part = (slice(number, number + 1), slice(0, height), slice(0, width))
            pixels = read_packed(dataset, packing, part)
        return "none", np.ascontiguousarray(pixels, self._parts.dtype).tobytes()

    def _is_there(self, corner: tuple[int, int, int]) -> bool:
        """Whether the chunk was written; raises `ValueError` for one that claims more than it can have."""
        dataset = self._parts.frames
        if dataset.chunks[0] == 1:  # reading it is less than the walk through all that HDF5 takes to find it
            return stored_chunk(dataset, corner, self._room) is not None
        found = dataset.id.get_chunk_info_by_coord(corner)
        if found.byte_offset is not None and found.size > len(self._room):
            raise ValueError(f"a chunk of it claims {found.size} bytes")
        return found.byte_offset is not None

    def _end(self, ended: bool) -> Iterator[list[bytes]]:
        """The end, when the writer said it or has been silent for too long."""
        silent = time.monotonic() - self._grew_s > self._options.idle
        if silent and not ended:
            self.problem = (
                f"{self._path} has not grown for {self._options.idle:g} s and its writer has not closed it: "
                "it was killed or is stuck; what is there has been read"
            )
        if ended or (silent and self._next):
            missing = [number for number, tries in self._pending.items() if tries]
            for number in missing:
                yield message(self._head("lost", number=number, why="cannot be read"))
            yield message(self._head("end", frames=self._next, aborted=not ended))
            self.over = True

    def _head(self, what: Any, **said: Any) -> Head:
        head = Head(what=what, series=self._options.series, **said)
        if what in ("start", "frame"):
            head.shape, head.dtype = list(map(int, self._parts.frames.shape[1:])), self._parts.dtype.str
        return head
