"""Writing HDF5 to a disk that may be full: room is taken before HDF5 writes.

HDF5 keeps what it could not write, fails again when it closes, and may end the process. So the blocks that a
write needs are asked of the file system first: a full disk, a quota or a limit is met here, as an `OSError`
before HDF5 knows of it, and what it holds then still fits where it belongs.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

_MARGIN = 1 << 20
"""For what HDF5 writes besides data: its tables, and what it holds back."""


class Hdf5Room:
    """A file that is written, and how far room for it was taken."""

    def __init__(self, file: h5py.File, descriptor: int) -> None:
        self.file = file
        self._descriptor, self._taken = descriptor, 0
        self.take(0)

    def take(self, size: int) -> None:
        """Have room for `size` further bytes; raises `OSError` when there is none."""
        end = self.file.id.get_filesize() + size + _MARGIN
        if end > self._taken:
            os.posix_fallocate(self._descriptor, self._taken, end - self._taken)
            self._taken = end


@contextmanager
def hdf5_with_room(path: Path) -> Iterator[Hdf5Room]:
    """A new HDF5 file at `path`, to be written after room was taken; raises `OSError` when there is none.

    No lock is taken on it: whoever writes beside a target has locked that name already.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.posix_fallocate(descriptor, 0, _MARGIN)  # what HDF5 writes when it opens
        with h5py.File(path, "w", locking=False, rdcc_nbytes=0) as file:  # chunks are not held back
            yield Hdf5Room(file, descriptor)
            size = file.id.get_filesize()
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)
