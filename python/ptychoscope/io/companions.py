"""Files that go with a scan: a mask and a probe."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io import npz
from ptychoscope.io.limits import open_regular, require_memory
from ptychoscope.io.npy import member_names, read_members, read_npy
from ptychoscope.io.results.npz import MARK

_NPY = b"\x93NUMPY"
_HDF5 = b"\x89HDF\r\n\x1a\n"


def load_mask(path: Path) -> NDArray[Any]:
    """The plane (H, W) in a .npy, true or not 0 where a pixel is bad; raises `ScanError`."""
    mask = _npy(path, "a mask")
    if mask.ndim != 2 or mask.dtype.kind not in "buif":
        raise ScanError(f"the mask {path} must be (H, W) true or false, got {mask.shape} {mask.dtype}")
    return mask


def load_probe(path: Path) -> NDArray[Any]:
    """The probe (P, P) or (m, P, P) in a .npy, in the result of a run or in another scan (`probeGuess`).

    Raises `ScanError`, and `ResultError` for a damaged result.
    """
    with open_regular(path, ScanError) as file:
        head = file.read(len(_HDF5))
    probe: NDArray[Any] | None
    if head.startswith(_HDF5) or (npz.matches(head) and MARK in member_names(path)):
        from ptychoscope.io.results.formats import load_reconstruction

        probe = load_reconstruction(path).probe
    elif npz.matches(head):
        probe = read_members(path, ("probeGuess",)).get("probeGuess")
    else:
        probe = _npy(path, "a probe")
    if probe is None:
        raise ScanError(f"{path} holds no probe: give a .npy, a result (.h5) or a scan (.npz) that does")
    return probe


def _npy(path: Path, what: str) -> NDArray[Any]:
    with open_regular(path, ScanError) as file:
        head = file.read(len(_NPY))
        if head != _NPY:
            raise ScanError(f"{path} is no .npy (it begins with {head!r}): save {what} with numpy.save")
        file.seek(0, 2)
        require_memory(str(path), file.tell(), ScanError)
        file.seek(0)
        return read_npy(file.read(), str(path), ScanError)
