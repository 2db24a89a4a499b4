"""How numbers are put into our HDF5 files, and how such a file is put on the disk: checked, sealed, whole."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.io.atomic import replacing
from ptychoscope.io.results.seal import seal

SEALED = "ptychoscope_sealed"
"""The root's attribute which says that a seal was written after the file."""
_PACKED_FROM_BYTES, _GZIP_LEVEL = 4096, 1


@contextmanager
def sealed_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """A new HDF5 file to fill; written to `path` with its seal when the body ends. Raises `OutputError`."""
    content = io.BytesIO()  # a full disk is then met in one place, as an OSError
    with h5py.File(content, "w") as file:
        file.attrs[SEALED] = 1.0
        yield file
    data = content.getbuffer()
    with replacing(path) as partial, partial.open("wb") as target:
        target.write(data)
        target.write(seal(data))


def put(group: h5py.Group, name: str, values: NDArray[Any], **attributes: Any) -> None:
    """`values` as a data set whose chunks HDF5 itself checks (Fletcher32) wherever they are read."""
    values = np.asarray(values)
    options: dict[str, Any] = {"fletcher32": True} if values.size and values.ndim else {}
    if values.nbytes >= _PACKED_FROM_BYTES:
        options |= {"compression": "gzip", "compression_opts": _GZIP_LEVEL, "shuffle": True}
    group.create_dataset(name, data=values, **options).attrs.update(attributes)
