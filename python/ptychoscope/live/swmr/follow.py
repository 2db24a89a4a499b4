"""GrowingFile: what has been added to an HDF5 file since the last look, as messages. Runs in a process of its own.

The writer says by twelve bytes of the file whether it is still at work; so a file that was closed has ended
without being told, and one that stands still unclosed has lost its writer. Chunks are handed on as they are
stored where this program unpacks them itself, and else unpacked by HDF5.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.packed_chunks import codec_of
from ptychoscope.live.message_checks import LONGEST_PX
from ptychoscope.live.swmr.decode import DTYPES, MOST_POSITION_BYTES, Head, message
from ptychoscope.live.swmr.options import SwmrOptions

_FOREIGN = (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, MemoryError)
_MOST_PENDING, _MOST_TRIES = 4096, 3
_MOST_FRAME_BYTES = 1 << 29
_CACHE_BYTES = 64 << 20
_AT_ONCE = 256
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
        closed = not being_written(self._path)
        try:
            for dataset in self._all:
                dataset.refresh()
            ended = closed or self._is_ended()
            stop, positions = self._stop(), self._new_positions(whole=ended)
        except _FOREIGN as error:
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
        options = self._options
        try:
            file = h5py.File(self._path, "r", libver="latest", swmr=True, rdcc_nbytes=_CACHE_BYTES)
        except FileNotFoundError:
            self.problem = f"{self._path} is not there yet"
            return False
        except _FOREIGN as error:
            self.problem = f"{self._path} cannot be followed yet: its writer must be in SWMR mode ({error})"
            return False
        self._file, self.problem = file, None
        self._frames_in = _checked_frames(self._dataset(options.frames_path), options)
        self._codec = self._chunk_codec()
        self._position_in = [self._dataset(path) for path in _paths(options.positions)]
        for dataset in self._position_in:
            wanted = 2 if len(self._position_in) == 1 else 1
            if dataset.ndim != wanted or (wanted == 2 and dataset.shape[1] != 2) or dataset.dtype.kind not in "iuf":
                raise ScanError(
                    f"{dataset.name} in {self._path} is {dataset.shape} {dataset.dtype}: positions are (n, 2) "
                    "numbers as (y, x), or two data sets of (n,) with a comma between their paths"
                )
        self._ready_in = [self._dataset(path) for path in _paths(options.ready)]
        path, _, self._end_attribute = (options.end or "").partition("@")
        self._end_in = self._dataset(path) if path else None
        self._all = [self._frames_in, *self._position_in, *self._ready_in]
        if self._end_in is not None:
            self._all.append(self._end_in)
        self._grew_s = time.monotonic()
        return True

    def _dataset(self, path: str) -> h5py.Dataset:
        try:
            found = self._file[path]  # type: ignore[index]
        except _FOREIGN as error:
            raise ScanError(f"there is no data set {path} in {self._path} ({error}): name another") from error
        if not isinstance(found, h5py.Dataset) or found.shape is None:
            raise ScanError(f"{path} in {self._path} is no data set of numbers: name another")
        return found

    def _chunk_codec(self) -> str | None:
        """How chunks of one frame each are packed; None where HDF5 must read them."""
        dataset = self._frames_in
        if dataset.chunks != (1, *dataset.shape[1:]) or dataset.is_virtual or dataset.dtype.str not in DTYPES:
            return None
        return "none" if not dataset.id.get_create_plist().get_nfilters() else codec_of(dataset)

    def _is_ended(self) -> bool:
        if self._options.frames is not None and self._next >= self._options.frames:
            return True
        if self._end_in is None:
            return False
        if self._end_attribute:
            value = self._end_in.attrs.get(self._end_attribute, 0)
        else:
            value = self._end_in[()] if self._end_in.size else 0
        return bool(np.any(np.asarray(value) != 0))

    def _stop(self) -> int:
        """Number of the first frame that is not there yet, as far as lengths tell."""
        stop = self._frames_in.shape[0]
        if self._options.frames is not None:
            stop = min(stop, self._options.frames)
        for dataset in self._ready_in:
            flags = np.asarray(dataset[self._next : stop])
            complete = flags.reshape(len(flags), -1).any(axis=1) if len(flags) else np.empty(0, np.bool_)
            waits = np.flatnonzero(~complete)
            stop = self._next + int(waits[0] if len(waits) else len(complete))
        return max(stop, self._next)

    def _new_positions(self, *, whole: bool) -> NDArray[np.float64] | None:
        """(k, 2) that are new, up to the first that is not finite unless nothing follows."""
        if not self._position_in:
            return None
        first = self._next_position
        stop = min([each.shape[0] for each in self._position_in] + [first + _POSITIONS_AT_ONCE])
        if stop <= first:
            return None
        columns = [np.asarray(each[first:stop], dtype=np.float64) for each in self._position_in]
        yx: NDArray[np.float64] = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
        if not whole:
            unknown = np.flatnonzero(~np.isfinite(yx).all(axis=1))
            yx = yx[: unknown[0]] if len(unknown) else yx
        return yx if len(yx) else None

    def _more_positions(self) -> bool:
        return any(each.shape[0] > self._next_position for each in self._position_in[:1])

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
        except _FOREIGN as error:
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
        dataset = self._frames_in
        if dataset.chunks and not dataset.is_virtual:
            corner = (number - number % dataset.chunks[0], 0, 0)
            found = dataset.id.get_chunk_info_by_coord(corner)
            if found.byte_offset is None:
                return None
            if found.size > 2 * self._frame_bytes * dataset.chunks[0] + 65536:
                raise ValueError(f"its chunk claims {found.size} bytes")
        if self._codec is None:
            return "none", np.ascontiguousarray(dataset[number], self._dtype).tobytes()
        skipped, blob = dataset.id.read_direct_chunk((number, 0, 0))
        return ("none" if skipped else self._codec), bytes(blob)

    def _end(self, ended: bool) -> Iterator[list[bytes]]:
        """The end, when the writer said it or has been silent for too long."""
        silent = time.monotonic() - self._grew_s > self._options.idle
        if silent and not ended:
            self.problem = (
                f"{self._path} has not grown for {self._options.idle:g} s and its writer has not closed it: it "
                "was killed or is stuck; what is there has been read"
            )
        if ended or (silent and self._next):
            missing = [number for number, tries in self._pending.items() if tries]
            for number in missing:
                yield message(self._head("lost", number=number, why="cannot be read"))
            yield message(self._head("end", frames=self._next, aborted=not ended))
            self.over = True

    @property
    def _dtype(self) -> np.dtype[Any]:
        return self._frames_in.dtype.newbyteorder("<")

    @property
    def _frame_bytes(self) -> int:
        _, height, width = self._frames_in.shape
        return int(height) * int(width) * self._dtype.itemsize

    def _head(self, what: Any, **said: Any) -> Head:
        head = Head(what=what, series=self._options.series, **said)
        if what in ("start", "frame"):
            head.shape, head.dtype = list(map(int, self._frames_in.shape[1:])), self._dtype.str
        return head


def being_written(path: Path) -> bool:
    """Whether a writer has the file open, or had when it was killed, as the file's first bytes say."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head[:8] == b"\x89HDF\r\n\x1a\n" and len(head) == 12 and head[8] >= 3 and bool(head[11] & 5)


def _paths(text: str | None) -> list[str]:
    return [] if text is None else text.split(",")


def _checked_frames(dataset: h5py.Dataset, options: SwmrOptions) -> h5py.Dataset:
    where = f"{options.frames_path} in {options.file}"
    if dataset.ndim != 3 or dataset.dtype.newbyteorder("<").str not in DTYPES:
        raise ScanError(
            f"{where} is {dataset.shape} {dataset.dtype}: frames are (n, H, W) whole numbers or floats"
        )
    height, width = dataset.shape[1:]
    if not (0 < height <= LONGEST_PX and 0 < width <= LONGEST_PX):
        raise ScanError(f"{where} has frames of {height} x {width} pixels: 1 to {LONGEST_PX} are read")
    chunk = np.prod(dataset.chunks or (1, height, width), dtype=object) * dataset.dtype.itemsize
    if max(chunk, height * width * dataset.dtype.itemsize) > _MOST_FRAME_BYTES:
        raise ScanError(f"{where} has chunks of {chunk} bytes: at most {_MOST_FRAME_BYTES} are read at once")
    return dataset
