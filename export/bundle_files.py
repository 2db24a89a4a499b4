"""The files of a bundle: made in memory, written to a new directory that gets its name when all is well."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import OutputError
from ptychoscope.inference.model_config import FileSpec
from ptychoscope.io.atomic import replacing_folder


def npz_bytes(counts: NDArray[np.float32], object_: NDArray[np.complex64]) -> bytes:
    """golden.npz."""
    stream = io.BytesIO()
    np.savez_compressed(stream, counts=counts, object=object_)
    return stream.getvalue()


def npy_bytes(array: NDArray[np.complex64]) -> bytes:
    """A .npy file."""
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def file_spec(name: str, data: bytes) -> FileSpec:
    """The name of a file and its digest."""
    return FileSpec(file=name, sha256=hashlib.sha256(data).hexdigest())


@contextmanager
def bundle_directory(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` on success, in place of an older bundle, or vanishes."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}; choose another place") from error
    with replacing_folder(out, "model.json") as folder:
        yield folder
