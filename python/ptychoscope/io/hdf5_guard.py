"""Reading HDF5 that holds its data itself.

HDF5 follows links to other files, reads data sets whose numbers lie in other files (external storage) or are
put together from other data sets (virtual ones, which may even name themselves), and loads plug-ins for
filters. A result of ours has none of these. Whatever is read here was found by a hard link, and its storage,
its type and its size were looked at before.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5d, h5l, h5o, h5t, h5z
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.io.limits import open_regular, require_memory

_LAYOUTS = (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED)
_FILTERS = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32)
_UNPACKED_PER_BYTE = 1100
"""No more bytes come out of one byte of gzip."""
_CHUNK_BYTES = 16 << 20
"""Of a chunk that is larger than the data set it belongs to."""
_FOREIGN = (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, MemoryError)
"""What h5py and numpy raise of a damaged file."""


@contextmanager
def open_hdf5(path: Path) -> Iterator["Hdf5Group"]:
    """The root group of the file `path`; raises `ResultError`, also for what HDF5 finds wrong later."""
    with open_regular(path, ResultError) as raw, opened_hdf5(raw, path) as root:
        yield root


@contextmanager
def opened_hdf5(raw: BinaryIO, path: Path) -> Iterator["Hdf5Group"]:
    """As `open_hdf5`, of a file that is open already; messages call it `path`."""
    try:
        with h5py.File(raw, "r") as file:
            yield Hdf5Group(file, str(path), os.fstat(raw.fileno()).st_size)
    except ResultError:
        raise
    except _FOREIGN as error:
        raise ResultError(f"{path} is damaged or no HDF5 file ({error}): write it again") from error


@dataclass(frozen=True)
class Hdf5Group:
    """A group, and what of it may be read."""

    group: h5py.Group
    path: str
    file_bytes: int

    def has(self, name: str) -> bool:
        """Whether there is a link `name`, wherever it leads; a path of several is followed by hard links."""
        first, _, rest = name.partition("/")
        links, key = self.group.id.links, first.encode()
        if not links.exists(key):
            return False
        if not rest:
            return True
        inside = links.get_info(key).type == h5l.TYPE_HARD and h5o.get_info(self.group.id, key).type
        return inside == h5o.TYPE_GROUP and Hdf5Group(self.group[first], self.path, self.file_bytes).has(rest)

    def subgroup(self, name: str) -> "Hdf5Group | None":
        """The group `name` in this one; None when there is none."""
        if not self._is(name, h5o.TYPE_GROUP):
            return None
        return Hdf5Group(self.group[name], self.path, self.file_bytes)

    def array(self, name: str) -> "Hdf5Array | None":
        """The numbers `name`, checked and not yet read; None when there is no such data set."""
        stored = self._dataset(name)
        if stored is None:
            return None
        if stored.dtype.kind not in "uifc":
            raise ResultError(f"{stored.label} must be numbers, got {stored.shape} {stored.dtype}")
        stored.check_size(self.file_bytes)
        return stored

    def text(self, name: str) -> bytes | None:
        """The text `name`; None when there is no such data set."""
        stored = self._dataset(name)
        if stored is None:
            return None
        if h5py.check_string_dtype(stored.dtype) is None or stored.shape:
            raise ResultError(f"{stored.label} must be one text, got {stored.shape} {stored.dtype}")
        stored.check_size(self.file_bytes)
        return bytes(stored.dataset[()])

    def number(self, name: str) -> float | None:
        """The number in the data set `name`; None when there is none."""
        stored = self.array(name)
        if stored is None:
            return None
        if math.prod(stored.shape) != 1 or stored.dtype.kind == "c":
            raise ResultError(f"{stored.label} must be one number, got {stored.shape} {stored.dtype}")
        return float(stored.read(len(stored.shape)).reshape(()))

    def attribute(self, name: str) -> float | None:
        """The number in the attribute `name` of this group; None when there is none."""
        return _attribute(self.group, name, self.path)

    def _dataset(self, name: str) -> "Hdf5Array | None":
        if not self._is(name, h5o.TYPE_DATASET):
            return None
        label = f"{name} in {self.path}"
        dataset = h5py.Dataset(h5d.open(self.group.id, name.encode()))
        _check_storage(dataset.id, label)
        return Hdf5Array(dataset, label, *_shape_and_type(dataset.id, label))

    def _is(self, name: str, kind: int) -> bool:
        """Whether `name` is there; raises `ResultError` unless it lies in this file and is of this kind."""
        links, key = self.group.id.links, name.encode()
        if not links.exists(key):
            return False
        if links.get_info(key).type != h5l.TYPE_HARD:
            raise ResultError(
                f"{name} in {self.path} is a link to another place or file, which is not followed: "
                "write the file again with the data in it"
            )
        if h5o.get_info(self.group.id, key).type != kind:
            what = "data set" if kind == h5o.TYPE_DATASET else "group"
            raise ResultError(f"{name} in {self.path} is no {what}: it is not a ptychodus product")
        return True


@dataclass(frozen=True)
class Hdf5Array:
    """A data set of this file, checked."""

    dataset: h5py.Dataset
    label: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def check_size(self, file_bytes: int) -> None:
        """Raise `ResultError` when the numbers are more than the machine, or the file, can hold."""
        size, held = math.prod(self.shape) * self.dtype.itemsize, self.dataset.id.get_storage_size()
        require_memory(self.label, size, ResultError)
        if size > _UNPACKED_PER_BYTE * min(held, file_bytes):
            raise ResultError(
                f"{self.label} declares {self.shape} {self.dtype}, {size} bytes, of which the file holds "
                f"{held} packed: it is cut or damaged, write it again"
            )
        chunk = math.prod(self.dataset.chunks or (0,)) * self.dtype.itemsize
        if chunk > max(size, _CHUNK_BYTES):
            raise ResultError(f"{self.label} has chunks of {chunk} bytes for {size}: write it again")

    def read(self, ndim: int) -> NDArray[Any]:
        """The last `ndim` axes at the first index of all others."""
        return np.asarray(self.dataset[(0,) * (len(self.shape) - ndim)])

    def attribute(self, name: str) -> float | None:
        """The number in the attribute `name`; None when there is none."""
        return _attribute(self.dataset, name, self.label)


def _check_storage(dataset: h5d.DatasetID, label: str) -> None:
    plist = dataset.get_create_plist()
    if plist.get_layout() not in _LAYOUTS:
        raise ResultError(f"{label} is a virtual data set, put together from others: copy the data into it")
    if plist.get_external_count():
        raise ResultError(f"{label} lies in other files (external storage): copy the data into it")
    filters = [plist.get_filter(k)[0] for k in range(plist.get_nfilters())]
    if not set(filters) <= set(_FILTERS) or len(filters) > len(set(filters)):
        raise ResultError(f"{label} is packed with the filters {filters}: write it plain or with gzip")


def _shape_and_type(dataset: h5d.DatasetID, label: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    kind = dataset.get_type()
    if kind.committed() or dataset.shape is None:
        raise ResultError(f"{label} must hold its own type and numbers: write it again")
    return dataset.shape, _numpy_type(kind, label)


def _attribute(owner: h5py.HLObject, name: str, label: str) -> float | None:
    if name not in owner.attrs:
        return None
    attribute = owner.attrs.get_id(name)
    count = attribute.get_space().get_simple_extent_npoints()
    dtype = _numpy_type(attribute.get_type(), label)
    if count != 1 or dtype.kind not in "uifb":
        raise ResultError(f"{name} of {label} must be one number, got {count} of {dtype}")
    return float(np.reshape(owner.attrs[name], ()))


def _numpy_type(kind: h5t.TypeID, label: str) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = kind.dtype
    except (TypeError, ValueError) as error:
        raise ResultError(f"{label} has a type that numpy has not ({error}): write it again") from error
    return dtype
