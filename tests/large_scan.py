"""A scan far larger than the memory it may take, quickly written: one simulated cell, repeated over a field.

The object is periodic, so that the frames of a cell are those of all cells, and their packed chunks are
written again and again.
"""

from pathlib import Path

import h5py
import numpy as np

from ptychoscope.preprocess.object_pixel import object_pixel_m

ENERGY_EV, DISTANCE_M, DETECTOR_PIXEL_M = 8000.0, 2.0, 75e-6


def write_large_scan(path: Path, frames: int, side: int = 128, *, seed: int = 0) -> np.ndarray:
    """Write `frames` patterns of uint16, bitshuffle-LZ4, with positions in metres and the probe.

    Returns one period (L, L) of the object.
    """
    import hdf5plugin

    rng = np.random.default_rng(seed)
    steps, step = 32, 4
    period = steps * step
    object_ = _periodic(rng, period)
    probe = _probe(side)
    y, x = (axis.ravel() * step for axis in np.indices((steps, steps)))
    index = np.arange(side) - side // 2
    cell = np.empty((steps**2, side, side), np.uint16)
    for k in range(len(cell)):
        patch = object_[np.ix_((y[k] + index) % period, (x[k] + index) % period)]
        far = np.fft.fftshift(np.fft.fft2(probe * patch, norm="ortho"))
        cell[k] = rng.poisson(np.abs(far) ** 2)
    cells = -(-frames // len(cell))
    across = int(np.ceil(np.sqrt(cells)))
    place = np.concatenate(
        [np.stack([y + period * (c // across), x + period * (c % across)], axis=1) for c in range(cells)]
    )[:frames]
    pixel_m = object_pixel_m(ENERGY_EV, DISTANCE_M, DETECTOR_PIXEL_M, side)
    packed = hdf5plugin.Bitshuffle(nelems=0, cname="lz4")
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", (frames, side, side), np.uint16, chunks=(1, side, side), **packed)
        data[: len(cell)] = cell[:frames]
        chunks = [data.id.read_direct_chunk((k, 0, 0))[1] for k in range(min(len(cell), frames))]
        for k in range(len(chunks), frames):
            data.id.write_direct_chunk((k, 0, 0), chunks[k % len(chunks)])
        file["positions"] = place * pixel_m
        file["positions"].attrs["units"] = "m"
        file["probe"] = probe.astype(np.complex64)
    return object_


def _periodic(rng: np.random.Generator, period: int) -> np.ndarray:
    """Smooth amplitude and phase without an edge."""
    k = np.fft.fftfreq(period)
    low = np.exp(-((np.hypot(*np.meshgrid(k, k)) / 0.06) ** 2))
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(2, period, period))) * low).real
    noise /= np.abs(noise).max()
    return (1 - 0.2 * np.abs(noise[0])) * np.exp(0.8j * noise[1])


def _probe(side: int, photons: float = 1e5) -> np.ndarray:
    y, x = np.indices((side, side)) - side // 2
    radius = np.hypot(y, x)
    probe = np.exp(-((radius / (side / 7)) ** 2)) * np.exp(0.004j * radius**2)
    return probe * np.sqrt(photons / np.sum(np.abs(probe) ** 2))
