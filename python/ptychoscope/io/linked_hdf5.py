"""An HDF5 file that a scan is read from: nothing is followed out of its folder, every data set is looked at.

A facility's file is often a master: its patterns lie in others, by external links or virtual data sets. Paths
are resolved here link by link, so that each file is known before HDF5 opens it.
"""

import math
import os
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5z
from numpy.typing import NDArray

from ptychoscope.errors import MissingExtraError, ScanError
from ptychoscope.io.limits import as_scan_error, open_regular, require_memory

_DEPTH = 16
"""Links in a row that are followed."""
_SMALL_BYTES = 1 << 30
"""Of a data set that is read whole: positions, a probe, a mask."""
_LARGEST_CHUNK = 1 << 30
_UNPACKED_PER_BYTE = 1100
"""No more bytes come out of one byte of gzip, and of what packs better no scan is made."""
_ALWAYS_BYTES = 64 << 20
"""A data set of so much is read whatever its file holds of it: a mask that is 0 everywhere."""
_PER_SOURCE = 16
"""No virtual data set shows its sources so many times."""
_DAMAGED = (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, MemoryError)
"""What h5py and numpy raise of a damaged file."""
_MOST_TEXTS = 1 << 12
_PLUGINS = {
    32001: "Blosc",
    32004: "LZ4",
    32008: "bitshuffle",
    32013: "ZFP",
    32015: "Zstandard",
    32026: "Blosc2",
}


class MissingLinkError(ScanError):
    """A link leads to a file that is not there, as after an acquisition that was stopped."""


class ScanHdf5:
    """An open file; data sets stay readable while it, or what was found in it, is held.

    Parameters
    ----------
    allow_outside
        Follow links to files that are not in the folder of this one.
    """

    def __init__(self, path: Path, *, allow_outside: bool = False) -> None:
        self.path, self.allow_outside = path, allow_outside
        self.folder = path.resolve().parent
        self._files: dict[Path, h5py.File] = {}
        self.checked: list[h5py.Dataset] = []
        """Data sets that hold numbers of their own and were looked at."""
        self.root = self._opened(path)

    def find(self, name: str) -> h5py.Group | h5py.Dataset | None:
        """What `name` is, every link on the way followed; None when there is nothing of this name."""
        return self._follow(self.root, name, _DEPTH)

    def dataset(self, name: str) -> h5py.Dataset | None:
        """The data set `name`, whose storage was looked at; None when there is none."""
        found = self.find(name)
        if not isinstance(found, h5py.Dataset):
            return None
        self._check(found, f"{name} in {self.path}", _DEPTH)
        return found

    def children(self, name: str = "/") -> list[str]:
        """Names in the group `name`; empty when there is no such group."""
        found = self.find(name)
        return list(found) if isinstance(found, h5py.Group) else []

    def array(self, name: str) -> NDArray[Any] | None:
        """The numbers of a small data set; None when there is none."""
        found = self.dataset(name)
        if found is None:
            return None
        if found.dtype.kind not in "buifc":
            raise ScanError(f"{name} in {self.path} must be numbers, got {found.shape} {found.dtype}")
        size = _nbytes(found.shape, found.dtype)
        if size > _SMALL_BYTES:
            raise ScanError(
                f"{name} in {self.path} has {size} bytes, which is too much for what it should be"
            )
        return np.asarray(found[()])

    def number(self, name: str) -> float | None:
        """The one number in `name`; None when there is none."""
        values = self.array(name)
        if values is None or values.dtype.kind == "c" or not values.size:
            return None
        if values.size > 1 and not np.all(values == values.flat[0]):
            raise ScanError(f"{name} in {self.path} must be one number, got {values.shape}")
        return float(values.flat[0])

    def attribute(self, name: str, attribute: str) -> Any:
        """A number or a text that stands at `name`; None when there is none."""
        found = self.find(name)
        if found is None or attribute not in found.attrs:
            return None
        value = found.attrs[attribute]
        value = value[0] if isinstance(value, np.ndarray) and value.size == 1 else value
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    def text(self, name: str) -> str | None:
        """The text in `name`; None when there is none."""
        found = self.dataset(name)
        if found is None or h5py.check_string_dtype(found.dtype) is None or found.size != 1:
            return None
        value = found[()]
        value = value.flat[0] if isinstance(value, np.ndarray) else value
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    def texts(self, name: str) -> list[str] | None:
        """The texts in `name`, in their order; None when there are none."""
        found = self.dataset(name)
        if found is None or h5py.check_string_dtype(found.dtype) is None or found.size > _MOST_TEXTS:
            return None
        values = np.ravel(np.asarray(found[()], dtype=object))
        return [one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in values]

    def _opened(self, path: Path) -> h5py.File:
        place = path.resolve()
        if place not in self._files:
            self.check_place(place)
            open_regular(path, ScanError).close()
            try:
                self._files[place] = h5py.File(place, "r", locking=False)
            except _DAMAGED as error:
                raise ScanError(
                    f"{path} is damaged or no HDF5 file ({error}): copy or write it again"
                ) from error
        return self._files[place]

    def check_place(self, place: Path) -> None:
        """Raise `ScanError` for a file that is not in the folder of the master."""
        if not self.allow_outside and not place.resolve().is_relative_to(self.folder):
            raise ScanError(
                f"{self.path} has a link out of its folder, to {place}: --allow-outside follows it, where "
                "the file is to be trusted"
            )

    def _follow(self, start: h5py.Group, name: str, left: int) -> h5py.Group | h5py.Dataset | None:
        here: Any = start.file if name.startswith("/") else start
        parts = [part for part in name.split("/") if part not in ("", ".")]
        for position, part in enumerate(parts):
            if not isinstance(here, h5py.Group):
                return None
            link = here.get(part, getlink=True)
            if link is None:
                return None
            rest = "/".join(parts[position + 1 :])
            if isinstance(link, (h5py.SoftLink, h5py.ExternalLink)):
                if left <= 0:
                    raise ScanError(f"{name} in {self.path} is a link to a link without end")
                target = f"{link.path}/{rest}" if rest else link.path
                if isinstance(link, h5py.ExternalLink):
                    return self._follow(self._linked(link.filename, here), "/" + target, left - 1)
                return self._follow(here, target, left - 1)
            here = here[part]
        return here if isinstance(here, (h5py.Group, h5py.Dataset)) else None

    def _linked(self, filename: str, here: h5py.Group) -> h5py.File:
        place = Path(here.file.filename).parent / filename
        self.check_place(place)
        if not place.exists():
            raise MissingLinkError(
                f"{self.path} has a link to {place.name}, which is not there: copy it beside"
            )
        return self._opened(place)

    def _check(self, found: h5py.Dataset, label: str, left: int) -> None:
        """Raise `ScanError` for a data set that cannot be read, or that lies where it must not."""
        if found.shape is None:
            raise ScanError(f"{label} holds nothing")
        if found.external:
            raise ScanError(f"{label} lies in other files (external storage): copy the data into it")
        if found.is_virtual:
            self._check_virtual(found, label, left)
            return
        if found.chunks and _nbytes(found.chunks, found.dtype) > _LARGEST_CHUNK:
            raise ScanError(f"{label} has chunks {found.chunks} of more than 1 GiB: write it again")
        _check_size(found, label)
        self.checked.append(found)
        plist = found.id.get_create_plist()
        for k in range(plist.get_nfilters()):
            require_filter(plist.get_filter(k)[0], label)

    def source_of(self, found: h5py.Dataset, source: Any, left: int = _DEPTH) -> h5py.Dataset | None:
        """The data set that one source of the virtual data set `found` names; None when it is not there."""
        if source.file_name == ".":
            inner = self._follow(found.file, source.dset_name, left - 1)
        else:
            place = Path(found.file.filename).parent / source.file_name
            self.check_place(place)
            if not place.exists():
                return None  # frames that are not there: told by `missing_sources`
            inner = self._follow(self._opened(place), source.dset_name, left - 1)
        return inner if isinstance(inner, h5py.Dataset) else None

    def _check_virtual(self, found: h5py.Dataset, label: str, left: int) -> None:
        if left <= 0:
            raise ScanError(f"{label} is a virtual data set made of virtual ones without end")
        held: dict[tuple[str, str], int] = {}
        for source in found.virtual_sources():
            inner = self.source_of(found, source, left)
            if inner is not None:
                if inner == found:
                    raise ScanError(f"{label} is a virtual data set made of itself")
                self._check(inner, f"{source.dset_name} in {source.file_name}", left - 1)
                held[source.file_name, source.dset_name] = _nbytes(inner.shape, inner.dtype)
        there = (missing_sources(found), *found.shape[1:]) if found.shape else ()
        if _nbytes(there, found.dtype) > max(_ALWAYS_BYTES, _PER_SOURCE * sum(held.values())):
            raise ScanError(
                f"{label} declares {found.shape} {found.dtype}, far more than the data sets that it shows "
                "hold: it is damaged, write it again"
            )


def _check_size(found: h5py.Dataset, label: str) -> None:
    """Raise `ScanError` when a data set declares more than its file can hold."""
    size = _nbytes(found.shape, found.dtype)
    held = min(found.id.get_storage_size(), found.file.id.get_filesize())
    if size > max(_ALWAYS_BYTES, _UNPACKED_PER_BYTE * held):
        raise ScanError(
            f"{label} declares {found.shape} {found.dtype}, {size} bytes, of which its file holds {held} "
            "packed: it is cut or damaged, copy or write it again"
        )


def _nbytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return math.prod(shape) * dtype.itemsize


def hdf5_errors(path: Path) -> AbstractContextManager[None]:
    """What HDF5 raises of a damaged file, as `ScanError`."""
    return as_scan_error(_DAMAGED, lambda error: f"{path} is damaged ({error}): copy or write it again")


def require_filter(number: int, label: str) -> None:
    """Raise `MissingExtraError` when nothing here unpacks the HDF5 filter `number`."""
    if h5z.filter_avail(number):
        return
    with suppress(ImportError):
        import hdf5plugin  # noqa: F401  # registers its filters
    if not h5z.filter_avail(number):
        name = _PLUGINS.get(number, "an unknown filter")
        raise MissingExtraError(
            f'{label} is packed with {name} (HDF5 filter {number}): pip install "ptychoscope[files]" brings '
            "what unpacks it"
        )


def missing_sources(found: h5py.Dataset) -> int:
    """From which frame on files of a virtual data set (n, ...) are missing; its length when all are there."""
    first = int(found.shape[0])
    if not found.is_virtual:
        return first
    folder = os.path.dirname(found.file.filename)
    for source in found.virtual_sources():
        if source.file_name != "." and not os.path.exists(os.path.join(folder, source.file_name)):
            first = min(first, int(source.vspace.get_select_bounds()[0][0]))
    return first


def require_room(label: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise `ScanError` when an array is larger than this machine's memory."""
    require_memory(label, int(np.prod(shape, dtype=np.float64)) * dtype.itemsize, ScanError)
