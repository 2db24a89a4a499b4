"""Writing a scan as CXI 1.6, with the probe and object where ptychodus 1.7 reads them.

Patterns are written as intensity, positions as translations in metres: the signs of `cxi` with rows down
and columns to the right, which is what CXI means when nothing is said. What CXI has no place for is in the
group `ptychoscope`. Energy, distance and detector pixel are written where the scan's record knows them;
nothing is made up. A scan whose object pixel is not known is written at 1 m per pixel, and its group says
so.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.io.atomic import replacing
from ptychoscope.io.hdf5_room import Hdf5Room, hdf5_with_room
from ptychoscope.io.ptychoscope_group import write_extras
from ptychoscope.io.units import JOULE_EV
from ptychoscope.lazy_patterns import Patterns
from ptychoscope.preprocess.object_pixel import wavelength_m
from ptychoscope.scan import Scan

VERSION = 160
DETECTOR, SAMPLE = "entry_1/instrument_1/detector_1", "entry_1/sample_1"
_CHUNK_FRAMES = 64
_INVALID = 0x1


def write(scan: Scan, path: Path, patterns: NDArray[Any] | None = None) -> None:
    """`scan` as CXI, whole or not at all; `patterns` are written in place of the scan's."""
    with replacing(path) as partial, hdf5_with_room(partial) as room:
        write_entry(room, scan, patterns)


def write_entry(room: Hdf5Room, scan: Scan, patterns: Patterns | None = None) -> None:
    """Everything that CXI names, and our extras."""
    kept, file = scan.patterns if patterns is None else patterns, room.file
    parts = (getattr(scan, name) for name in scan.__dataclass_fields__ if name != "patterns")
    room.take(2 * sum(part.nbytes for part in parts if isinstance(part, np.ndarray)))
    file["cxi_version"] = VERSION
    file["number_of_entries"] = 1
    _write_patterns(room, scan, kept)
    _write_geometry(file, scan)
    _write_positions(file, scan)
    _write_images(file, scan)
    write_extras(file, scan, kept.dtype)


def pixel_m(scan: Scan) -> float:
    """Side of an object pixel; 1 m where it is not known."""
    return 1.0 if scan.pixel_size_m is None else scan.pixel_size_m


def geometry_of(scan: Scan) -> dict[str, float]:
    """`energy_ev`, `distance_m` and `detector_pixel_m` that give the object pixel, as far as they are known.

    The detector pixel is that which the patterns have now, after crop and bin.
    """
    known = scan.orientation.get("reading", {}).get("geometry", {})
    held = {name: float(known[name]) for name in ("energy_ev", "distance_m") if name in known}
    if len(held) == 2 and scan.pixel_size_m is not None:
        window = scan.patch_px * scan.pixel_size_m
        held["detector_pixel_m"] = wavelength_m(held["energy_ev"]) * held["distance_m"] / window
    return held


def _write_patterns(room: Hdf5Room, scan: Scan, patterns: Patterns) -> None:
    """Intensity, frame by frame: of amplitude its square, whose root is the same number again."""
    amplitude = scan.domain == "amplitude"
    dtype = np.dtype(np.float32) if amplitude else patterns.dtype
    shape, file = tuple(patterns.shape), room.file
    data = file.create_dataset(
        f"{DETECTOR}/data",
        shape,
        dtype,
        chunks=(1, *shape[1:]) if len(patterns) else None,
        compression="gzip" if len(patterns) else None,
        compression_opts=1 if len(patterns) else None,
        shuffle=len(patterns) > 0,
    )
    for start in range(0, len(patterns), _CHUNK_FRAMES):
        part = slice(start, min(start + _CHUNK_FRAMES, len(patterns)))
        frames = np.asarray(patterns[part])
        intensity = np.square(frames.astype(np.float32)) if amplitude else frames
        room.take(intensity.nbytes)
        data[part] = intensity
    file["entry_1/data_1/data"] = h5py.SoftLink(f"/{DETECTOR}/data")
    if scan.bad_pixels is not None:
        file[f"{DETECTOR}/mask"] = scan.bad_pixels.astype(np.uint32) * np.uint32(_INVALID)


def _write_geometry(file: h5py.File, scan: Scan) -> None:
    geometry = geometry_of(scan)
    source = file.create_group("entry_1/instrument_1/source_1")
    if "energy_ev" in geometry:
        source["energy"] = geometry["energy_ev"] * JOULE_EV
        source["wavelength"] = wavelength_m(geometry["energy_ev"])
    if "distance_m" in geometry:
        file[f"{DETECTOR}/distance"] = geometry["distance_m"]
    if "detector_pixel_m" in geometry:
        for axis in "xy":
            file[f"{DETECTOR}/{axis}_pixel_size"] = geometry["detector_pixel_m"]


def _write_positions(file: h5py.File, scan: Scan) -> None:
    """(n, 3) as x, y, z in metres."""
    moves = np.zeros((len(scan), 3))
    moves[:, :2] = scan.positions_px[:, ::-1] * pixel_m(scan)
    file[f"{SAMPLE}/geometry_1/translation"] = moves
    for place in ("entry_1/data_1", DETECTOR):
        file[f"{place}/translation"] = h5py.SoftLink(f"/{SAMPLE}/geometry_1/translation")


def _write_images(file: h5py.File, scan: Scan) -> None:
    """The probe as image_1 and the object as image_2, with where they lie as ptychodus counts it."""
    pixel, side = pixel_m(scan), scan.patch_px
    extras = file.create_group("entry_1/ptychodus")
    extras["probe_position_indexes"] = np.arange(len(scan))
    if scan.probe is not None:
        _write_image(file, 1, scan.probe[None], "coherent:incoherent:y:x", pixel)
        file["entry_1/instrument_1/source_1/illumination"] = h5py.SoftLink("/entry_1/image_1/data")
        extras["probe_pixel_width_m"] = extras["probe_pixel_height_m"] = pixel
    if scan.photons is not None:
        extras["probe_photon_count"] = scan.photons
    if scan.object is not None:
        _write_image(file, 2, scan.object[None], "layer:y:x", pixel)
        extras["object_pixel_width_m"] = extras["object_pixel_height_m"] = pixel
        for axis, length in zip("yx", scan.object.shape, strict=True):
            # ptychodus counts from the middle of the first pixel, and to the middle of a patch
            extras[f"object_center_{axis}_m"] = (length / 2 + side // 2 - side / 2) * pixel


def _write_image(file: h5py.File, number: int, images: NDArray[Any], axes: str, pixel: float) -> None:
    group = file.create_group(f"entry_1/image_{number}")
    group["data"] = images
    group["data"].attrs["axes"] = axes
    group["data_type"] = "amplitude" if number == 1 else "electron density"
    group["data_space"] = "real"
    height, width = images.shape[-2:]
    group["image_size"] = np.array([width * pixel, height * pixel, 0.0])
    for name in ("source_1", "detector_1"):
        group[name] = h5py.SoftLink(f"/entry_1/instrument_1/{name}")
