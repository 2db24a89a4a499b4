"""Files as detectors write them: masters of DECTRIS with linked files or channels, MIB, positions beside."""

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

BITSHUFFLE = dict(hdf5plugin.Bitshuffle(cname="lz4"))


def counts(n: int, height: int = 8, width: int | None = None, dtype: Any = np.uint16) -> NDArray[Any]:
    """(n, height, width) counts, every frame other than the others."""
    rng = np.random.default_rng(7)
    return rng.integers(0, 90, (n, height, width or height)).astype(dtype)


def positions_csv(folder: Path, n: int, name: str = "positions.csv") -> str:
    """A table of n positions in pixels."""
    path = folder / name
    path.write_text("y_px,x_px\n" + "".join(f"{3 * k},{2 * k}\n" for k in range(n)))
    return str(path)


def write_hdf5(path: Path, content: dict[str, Any], /, **root: Any) -> Path:
    """An HDF5 file of arrays by path; (array, {attribute: value}) for one with attributes."""
    with h5py.File(path, "w") as file:
        file.attrs.update(root)
        for key, given in content.items():
            value, attributes = given if isinstance(given, tuple) else (given, {})
            file[key] = value
            if attributes:
                file[key].attrs.update(attributes)
    return path


def linked_master(
    folder: Path,
    frames: NDArray[Any],
    per_file: int = 4,
    *,
    absent: tuple[int, ...] = (),
    units: Any = b"m",
    packing: dict[str, Any] | None = None,
    **numbers: Any,
) -> Path:
    """A master in the old layout with its files beside it; those in `absent` (from 1) are not written.

    `numbers` are data sets below the detector, by their names.
    """
    path = folder / "s_master.h5"
    with h5py.File(path, "w") as master:
        data = master.create_group("entry/data")
        for k in range(-(-len(frames) // per_file)):
            name = f"s_data_{k + 1:06d}.h5"
            data[f"data_{k + 1:06d}"] = h5py.ExternalLink(name, "/entry/data/data")
            if k + 1 not in absent:
                part = frames[k * per_file : (k + 1) * per_file]
                with h5py.File(folder / name, "w") as file:
                    file.create_dataset(
                        "entry/data/data",
                        data=part,
                        chunks=(1, *frames.shape[1:]),
                        **(BITSHUFFLE if packing is None else packing),
                    )
        detector = master.create_group("entry/instrument/detector")
        mask = np.zeros(frames.shape[1:], np.uint32)
        mask[0, 1], mask[2, 3] = 1, 1 << 8
        standard = {
            "detector_distance": 2.0,
            "x_pixel_size": 7.5e-5,
            "y_pixel_size": 7.5e-5,
            "detectorSpecific/photon_energy": 8000.0,
            "detectorSpecific/nimages": len(frames),
            "detectorSpecific/ntrigger": 1,
            "detectorSpecific/countrate_correction_count_cutoff": 5000,
            "detectorSpecific/pixel_mask": mask,
        }
        for name, value in (standard | numbers).items():
            if value is not None:
                detector[name] = value
        for name in ("detector_distance", "x_pixel_size", "y_pixel_size"):
            if name in detector:
                detector[name].attrs["units"] = units
    return path


def channel_master(
    folder: Path,
    frames: NDArray[Any],
    *,
    absent: tuple[int, ...] = (),
    names: tuple[str, ...] = ("threshold_1", "threshold_2"),
) -> Path:
    """NXmx of 2024.2: one virtual data set (n, channel, y, x) over files of three frames.

    Channel k holds `frames` + 100 k, and pixel [0, k] of it is masked.
    """
    path, n, per_file = folder / "n_master.h5", len(frames), 3
    stack = np.stack([frames + frames.dtype.type(100 * k) for k in range(len(names))], axis=1)
    layout = h5py.VirtualLayout(stack.shape, stack.dtype)
    for k, start in enumerate(range(0, n, per_file)):
        name, part = f"n_data_{k + 1:06d}.h5", stack[start : start + per_file]
        layout[start : start + per_file] = h5py.VirtualSource(name, "data", part.shape)
        if k + 1 not in absent:
            with h5py.File(folder / name, "w") as file:
                file.create_dataset("data", data=part, chunks=(1, 1, *frames.shape[1:]), **BITSHUFFLE)
    with h5py.File(path, "w", libver="latest") as master:
        master.create_virtual_dataset("entry/data/data", layout)
        master["entry/data/channel"] = np.array([name.encode() for name in names])
        detector = master.create_group("entry/instrument/detector")
        detector["distance"] = 2.0
        detector["x_pixel_size"] = detector["y_pixel_size"] = 75.0
        for name in ("x_pixel_size", "y_pixel_size"):
            detector[name].attrs["units"] = "um"
        detector["saturation_value"] = 3000
        for k, name in enumerate(names):
            mask = np.zeros(frames.shape[1:], np.uint32)
            mask[0, k] = 1
            detector[f"{name}_channel/pixel_mask"] = mask
        master["entry/instrument/beam/incident_energy"] = 8.0
        master["entry/instrument/beam/incident_energy"].attrs["units"] = "keV"
    return path


def mib_bytes(frames: NDArray[Any], *, size: int = 384, kind: str = "", first: int = 1) -> bytes:
    """`frames` (n, H, W) as a Merlin detector writes them."""
    name = kind or {1: "U08", 2: "U16", 4: "U32"}[frames.dtype.itemsize]
    height, width = frames.shape[1:]
    out = b""
    for k, frame in enumerate(frames):
        head = f"MQ1,{first + k:06d},{size:05d},01,{width:04d},{height:04d},{name},   1x1,01,2026-11-20,"
        out += head.encode().ljust(size, b"\0") + frame.astype(frame.dtype.newbyteorder(">")).tobytes()
    return out
