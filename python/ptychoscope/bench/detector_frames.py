"""Frames to measure on: raw counts on a raster, as a detector delivers them."""

import numpy as np

from ptychoscope.errors import BundleError
from ptychoscope.inference.model import Model
from ptychoscope.scan import Scan


def counts_scan(model: Model, frames: int, *, step_px: float = 6.0, seed: int = 0) -> Scan:
    """`frames` uint16 patterns of the model's probe on nothing, on a square raster between pixels."""
    if model.probe is None:
        raise BundleError(f"{model.path} holds no probe to simulate frames with: give a scan")
    rng = np.random.default_rng(seed)
    far = np.fft.fftshift(np.fft.fft2(model.probe, norm="ortho"), axes=(1, 2))
    expected = np.square(np.abs(far)).sum(axis=0)
    patterns = rng.poisson(np.minimum(expected, 60_000), (min(frames, 64), *expected.shape)).astype(np.uint16)
    columns = max(1, int(np.sqrt(frames)))
    index = np.arange(frames)
    positions = np.stack([index // columns, index % columns], axis=1) * step_px + rng.uniform(
        -1, 1, (frames, 2)
    )
    return Scan(patterns[index % len(patterns)], positions, "counts", probe=model.probe)
