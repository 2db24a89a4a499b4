"""Files that go with a scan: a mask and a probe, each of any file that holds one."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.limits import open_regular, read_regular, require_memory
from ptychoscope.io.look_in_child import look_in_child
from ptychoscope.io.named_parts import beside, named_array
from ptychoscope.io.npy import member_names, read_members, read_npy
from ptychoscope.io.results.npz import MARK
from ptychoscope.io.scan_formats import is_hdf5, read_stored

_NPY, _ZIP, _TIFF = b"\x93NUMPY", b"PK", (b"II*\0", b"MM\0*")
_LARGEST_TIFF = 1 << 30
_PROBE_NAMES = ("probeGuess", "probe")


def load_mask(place: str | Path, scan: Path | None = None) -> NDArray[Any]:
    """The plane (H, W), true or not 0 where a pixel is bad: a .npy, a TIFF, or FILE:/path of HDF5.

    A file that is not there from here is looked for beside `scan`. Raises `ScanError`.
    """
    path, inner = _place(place, scan)
    if inner:
        named = f"{path}:{inner}"
        look_in_child("ptychoscope.io.mask_and_probe_files:load_mask", {"place": named}, named)
        mask = named_array(named, path, {})
    elif _head(path).startswith(_TIFF):
        mask = _tiff(path)
    else:
        mask = _npy(path, "a mask")
    if mask.ndim != 2 or mask.dtype.kind not in "buif":
        raise ScanError(f"the mask {path} must be (H, W) true or false, got {mask.shape} {mask.dtype}")
    return mask


def load_probe(place: str | Path, scan: Path | None = None) -> NDArray[Any]:
    """The probe (P, P) or (m, P, P), with all its modes.

    It is taken from a .npy, a result or a product, another scan of any format, or FILE:/path of HDF5. A file
    that is not there from here is looked for beside `scan`. Raises `ScanError`, and `ResultError` for a
    damaged result.
    """
    path, inner = _place(place, scan)
    if inner:
        named = f"{path}:{inner}"
        look_in_child("ptychoscope.io.mask_and_probe_files:load_probe", {"place": named}, named)
        return _named_probe(named)
    head = _head(path)
    if is_hdf5(path):
        probe = _probe_of_hdf5(path)
    elif head.startswith(_ZIP) and MARK in member_names(path):
        from ptychoscope.io.results.formats import load_reconstruction

        probe = load_reconstruction(path).probe
    elif head.startswith(_ZIP):
        held = read_members(path, _PROBE_NAMES)
        probe = next((held[name] for name in _PROBE_NAMES if name in held), None)
    else:
        probe = _npy(path, "a probe")
    if probe is None:
        raise ScanError(f"{path} holds no probe: give a .npy, a result (.h5) or a scan (.npz) that does")
    return _modes(probe)


def _probe_of_hdf5(path: Path) -> NDArray[Any] | None:
    """Of a result or product as results are read, of any other format as scans are."""
    from ptychoscope.io import cxi, ptychodus_data, ptychovit
    from ptychoscope.io.linked_hdf5 import ScanHdf5, hdf5_errors
    from ptychoscope.io.results.formats import load_reconstruction

    with hdf5_errors(path):
        look_in_child("ptychoscope.io.mask_and_probe_files:load_probe", {"place": str(path)}, str(path))
        file = ScanHdf5(path)
        scan = any(reader.matches(file) for reader in (cxi, ptychodus_data, ptychovit))
    return read_stored(path, {}).probe if scan else load_reconstruction(path).probe


def _named_probe(place: str) -> NDArray[Any]:
    probe = _modes(named_array(place, Path(), {}))
    if probe.ndim not in (2, 3) or probe.dtype.kind != "c":
        raise ScanError(
            f"{place} must be a probe (P, P) or (modes, P, P) of complex numbers, got {probe.shape} "
            f"{probe.dtype}"
        )
    return probe


def _place(place: str | Path, scan: Path | None) -> tuple[Path, str]:
    """The file, and the path in it or nothing; `/path` alone, where no such file is, is one of `scan`."""
    name, colon, inner = str(place).rpartition(":/")
    if not colon:
        name, inner = str(place), ""
        of_scan = scan is not None and name.startswith("/") and not Path(name).exists()
        if scan is not None and of_scan and is_hdf5(scan):
            return scan, name
    path = Path(name) if scan is None else beside(name, scan)
    return path, f"/{inner}" if colon else ""


def _modes(probe: NDArray[Any]) -> NDArray[Any]:
    """Of coherent modes (c, m, P, P) the first."""
    return probe[0] if probe.ndim == 4 and len(probe) else probe


def _head(path: Path) -> bytes:
    with open_regular(path, ScanError) as file:
        return file.read(len(_NPY))


def _tiff(path: Path) -> NDArray[Any]:
    """The one page of a TIFF."""
    from PIL import Image

    data = io.BytesIO(read_regular(path, _LARGEST_TIFF, ScanError))
    damaged = (OSError, SyntaxError, ValueError, UserWarning, RuntimeWarning, Image.DecompressionBombError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of what is cut
            with Image.open(data, formats=["TIFF"]) as image:
                pages, plane = getattr(image, "n_frames", 1), np.asarray(image)
    except damaged as error:
        raise ScanError(f"{path} is a damaged TIFF ({error}): save the mask again") from error
    if pages != 1:
        raise ScanError(f"the mask {path} has {pages} pages: save the one that is meant")
    return plane


def _npy(path: Path, what: str) -> NDArray[Any]:
    with open_regular(path, ScanError) as file:
        head = file.read(len(_NPY))
        if head != _NPY:
            raise ScanError(f"{path} is no .npy (it begins with {head!r}): save {what} with numpy.save")
        file.seek(0, 2)
        require_memory(str(path), file.tell(), ScanError)
        file.seek(0)
        return read_npy(file.read(), str(path), ScanError)
