"""TIFF stacks of patterns, a page a frame, by tifffile (in the extra `files`); read page by page.

Whole numbers are counts; of others `--domain` says what they are. The file holds no positions.
"""

import weakref
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import MissingExtraError, ScanError
from ptychoscope.io.limits import as_scan_error, open_regular
from ptychoscope.io.named_parts import domain_by_values
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.lazy_patterns import LazyPatterns

NAME = "TIFF"
_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ALWAYS_BYTES = 64 << 20
_UNPACKED_PER_BYTE = 1100


def matches(head: bytes) -> bool:
    """Whether a file that begins with `head` is TIFF or BigTIFF."""
    return head.startswith(_MARKS)


def read(path: Path, options: ReadOptions) -> StoredScan:
    """The pages of a TIFF as frames; raises `ScanError`, `MissingExtraError` without tifffile."""
    try:
        import tifffile
    except ImportError as error:
        raise MissingExtraError(
            f'{path} is TIFF: pip install "ptychoscope[files]" brings what reads it'
        ) from error
    open_regular(path, ScanError).close()
    with _damaged(path):
        file = tifffile.TiffFile(path)
        try:
            frames = _frames(file, path)
        except BaseException:
            file.close()
            raise
    patterns = LazyPatterns(frames)
    domain = domain_by_values(patterns, str(path), options)
    record = {"format": NAME, "frames": len(patterns)}
    return StoredScan(source=str(path), patterns=patterns, domain=domain, record=record)


def _frames(file: Any, path: Path) -> "_TiffFrames":
    pages = list(file.pages)
    if not pages:
        raise ScanError(f"{path} has no pages: copy or write it again")
    kinds = {(page.shape, page.dtype) for page in pages}
    (shape, dtype), *others = kinds
    if others:
        raise ScanError(f"pages of {path} differ in shape or type: {', '.join(sorted(map(str, kinds)))}")
    if len(shape) != 2 or dtype is None or dtype.kind not in "uif" or dtype.itemsize > 8:
        raise ScanError(
            f"pages of {path} must be (H, W) real numbers, got {shape} {dtype}: save them without colours"
        )
    length = _contiguous_length(file, pages, shape)
    frame = int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
    for number, page in enumerate(pages):
        held = sum(page.databytecounts)
        if frame > max(_ALWAYS_BYTES, _UNPACKED_PER_BYTE * held) or held > file.filehandle.size:
            raise ScanError(
                f"page {number} of {path} declares {shape} {dtype} and holds {held} bytes: it is damaged, "
                "copy or write it again"
            )
    return _TiffFrames(path, file, pages, length, shape, np.dtype(dtype).newbyteorder("="))


def _contiguous_length(file: Any, pages: list[Any], shape: tuple[int, ...]) -> int:
    """Frames that follow the first page without pages of their own, as ImageJ writes large stacks."""
    first = file.series[0] if len(pages) == 1 and file.series else None
    if first is None or first.dataoffset is None or first.shape[-2:] != shape:
        return len(pages)
    return max(1, int(np.prod(first.shape[:-2], dtype=np.float64)))


class _TiffFrames:
    """Pages of an open file, or frames one after the other behind the first."""

    def __init__(
        self, path: Path, file: Any, pages: list[Any], n: int, side: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        self._path, self._pages, self._shape, self._dtype = path, pages, (n, *side), dtype
        self._file = file
        weakref.finalize(self, file.close)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """In the machine's byte order."""
        return self._dtype

    def read(self, frames: slice | NDArray[np.intp]) -> NDArray[Any]:
        """The frames (k, H, W) of a slice with step 1, or of numbers in any order."""
        numbers = np.arange(frames.start, frames.stop) if isinstance(frames, slice) else frames
        result = np.empty((len(numbers), *self._shape[1:]), self._dtype)
        with _damaged(self._path):
            for place, number in enumerate(numbers):
                result[place] = self._frame(int(number))
        return result

    def _frame(self, number: int) -> NDArray[Any]:
        if len(self._pages) == self._shape[0]:
            frame: NDArray[Any] = self._pages[number].asarray()
            return frame
        series = self._file.series[0]
        stored = self._dtype.newbyteorder(self._file.byteorder)
        size = self._shape[1] * self._shape[2]
        handle = self._file.filehandle
        handle.seek(series.dataoffset + number * size * stored.itemsize)
        data = handle.read(size * stored.itemsize)
        return np.frombuffer(data, stored).reshape(self._shape[1:])


def _damaged(path: Path) -> AbstractContextManager[None]:
    """What tifffile raises of a damaged file, and of packing that it cannot undo, as `ScanError`."""
    cure = "copy it again, or write it plain or with zlib"
    return as_scan_error((Exception,), lambda error: f"{path} cannot be read as TIFF ({error}): {cure}")
