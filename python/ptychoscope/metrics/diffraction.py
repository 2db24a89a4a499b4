"""How well an image explains the diffraction that was measured."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.simulate.forward import farfield_intensity

_CHUNK = 256


def r_factor(measured: NDArray[np.floating], predicted: NDArray[np.floating]) -> float:
    """sum |A - B| / sum A over amplitudes A (measured) and B (predicted), the R-factor of crystallography."""
    total = float(np.sum(measured, dtype=np.float64))
    if total == 0:
        raise ScanError("the measured amplitudes are 0 everywhere: an R-factor has no meaning")
    return float(np.sum(np.abs(measured - predicted), dtype=np.float64)) / total


def diffraction_r_factor(result: Reconstruction, scan: Scan) -> float:
    """R-factor of the far field of `result` against the patterns of `scan`, with the scan's probe.

    The object is scaled by one real factor, the least-squares one between the amplitudes, because a network's
    image may not carry the absolute scale. Bad pixels are left out, and frames that reach beyond the image.
    Raises `ScanError` when the scan has no probe or no frame lies on the image.
    """
    if scan.probe is None:
        raise ScanError("the scan has no probe: the diffraction of an image cannot be predicted without one")
    good = np.ones((scan.patch_px, scan.patch_px), bool) if scan.bad_pixels is None else ~scan.bad_pixels
    positions = scan.positions_px - np.array(result.origin_px)
    frames = np.flatnonzero(_on_image(positions, scan.patch_px, result.object.shape))
    if frames.size == 0:
        raise ScanError("no frame of the scan lies on the image: are both in the same object pixels?")
    measured, predicted = [], []
    for chunk in np.split(frames, range(_CHUNK, len(frames), _CHUNK)):
        measured.append(scan.amplitude(chunk)[:, good])
        intensity = farfield_intensity(result.object, scan.probe, positions[chunk])
        predicted.append(np.sqrt(intensity[:, good]).astype(np.float32))
    a, b = np.concatenate(measured), np.concatenate(predicted)
    power = float(np.vdot(b, b))
    return r_factor(a, b * (float(np.vdot(b, a)) / power if power else 1.0))


def _on_image(positions: NDArray[np.float64], side: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    corner = np.floor(positions + 0.5) - side // 2
    return np.asarray(np.all((corner >= 0) & (corner + side <= np.array(shape)), axis=1))
