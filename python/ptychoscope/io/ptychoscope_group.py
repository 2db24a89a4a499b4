"""What a file of others has no place for, in a group of ours: a scan that we wrote comes back whole.

Formats state positions in metres and patterns as intensity. The group `ptychoscope` keeps the positions in
pixels, the domain, the type of the patterns and what else only a `Scan` knows. Positions in it count while
they still are those of the file itself; where another program has corrected those, the file's are read.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.lazy_patterns import each_frame
from ptychoscope.scan import Scan

if TYPE_CHECKING:
    import h5py

    from ptychoscope.io.linked_hdf5 import ScanHdf5

GROUP = "ptychoscope"
_SAME_PX = 1e-6
"""Positions that differ by less are the same."""
_TYPES = ("uint8", "uint16", "uint32", "float32")


def write_extras(file: "h5py.File", scan: Scan, patterns_dtype: np.dtype[Any]) -> None:
    """Write the group `ptychoscope` of a scan whose patterns had `patterns_dtype`."""
    group = file.create_group(GROUP)
    group.attrs["domain"] = scan.domain
    group.attrs["patterns_dtype"] = patterns_dtype.name
    for name in ("pixel_size_m", "photons"):
        if getattr(scan, name) is not None:
            group.attrs[name] = getattr(scan, name)
    group["positions_px"] = scan.positions_px
    for name in ("nominal_positions_px", "scan_index"):
        if getattr(scan, name) is not None:
            group[name] = getattr(scan, name)
    if scan.orientation:
        group["orientation"] = msgspec.json.encode(scan.orientation).decode()


def is_ours(file: "ScanHdf5") -> bool:
    """Whether we wrote the scan in `file`."""
    return file.attribute(f"/{GROUP}", "patterns_dtype") is not None


def with_extras(stored: StoredScan, file: "ScanHdf5") -> StoredScan:
    """`stored` as the scan was before it was written; raises `ScanError` when the group is damaged."""
    place = f"/{GROUP}"
    pixel = _number(file, place, "pixel_size_m")
    held = {name: file.array(f"{place}/{name}") for name in ("nominal_positions_px", "scan_index")}
    known = StoredScan(
        source=stored.source,
        patterns=stored.patterns,
        patterns_name=stored.patterns_name,
        domain=stored.domain,
        positions=_positions(stored, file, pixel),
        nominal_positions=held["nominal_positions_px"],
        scan_index=held["scan_index"],
        probe=stored.probe,
        object=stored.object,
        bad_pixels=stored.bad_pixels,
        pixel_size_m=pixel,
        photons=_number(file, place, "photons"),
        orientation=_orientation(file, place),
    )
    return _as_it_was(known, file, place)


def _positions(stored: StoredScan, file: "ScanHdf5", pixel: float | None) -> NDArray[Any]:
    """In pixels: as kept, or as the file has them now."""
    kept = file.array(f"/{GROUP}/positions_px")
    if kept is None or kept.ndim != 2 or kept.shape[1:] != (2,):
        raise ScanError(f"/{GROUP}/positions_px in {file.path} must be (n, 2): write the scan again")
    if stored.positions is None:
        return kept
    here = np.asarray(stored.positions) / (pixel or 1.0)
    same = here.shape == kept.shape and np.allclose(here, kept, rtol=0, atol=_SAME_PX, equal_nan=True)
    return kept if same else here


def _as_it_was(stored: StoredScan, file: "ScanHdf5", place: str) -> StoredScan:
    """Patterns in the domain and type that they had."""
    domain, name = file.attribute(place, "domain"), file.attribute(place, "patterns_dtype")
    if domain not in ("counts", "amplitude") or name not in _TYPES:
        raise ScanError(
            f"/{GROUP} in {file.path} says that patterns are {domain!r} of {name!r}: write the scan again"
        )
    patterns, dtype = stored.patterns, np.dtype(name)
    if patterns is not None and domain == "amplitude":
        # the root of a rounded square is the number again, in binary floats
        patterns = each_frame(patterns, lambda frames, _: np.sqrt(frames).astype(dtype))
    return replace(stored, patterns=patterns, domain=domain)


def _number(file: "ScanHdf5", place: str, name: str) -> float | None:
    value = file.attribute(place, name)
    if value is None or isinstance(value, (int, float, np.number)):
        return None if value is None else float(value)
    raise ScanError(f"{name} of {place} in {file.path} must be one number, got {value!r}: write it again")


def _orientation(file: "ScanHdf5", place: str) -> dict[str, Any]:
    text = file.text(f"{place}/orientation")
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ScanError(f"{place}/orientation in {file.path} is not a JSON object ({error})") from error
