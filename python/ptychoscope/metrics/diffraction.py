"""How well an image explains the diffraction that was measured."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.patch_geometry import nearest_pixel
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.simulate.far_field import farfield_intensity

_CHUNK = 256
_FLOOR = 1e-3
"""Of the mean counts of a pixel, added to measured and predicted counts alike before the logarithm."""


def r_factor(measured: NDArray[np.floating], predicted: NDArray[np.floating]) -> float:
    """sum |A - B| / sum A over amplitudes A (measured) and B (predicted), the R-factor of crystallography."""
    total = float(np.sum(measured, dtype=np.float64))
    if total == 0:
        raise ScanError("the measured amplitudes are 0 everywhere: an R-factor has no meaning")
    return float(np.sum(np.abs(measured - predicted), dtype=np.float64)) / total


def poisson_deviance(measured: NDArray[np.floating], predicted: NDArray[np.floating]) -> float:
    """Twice the Poisson log-likelihood ratio of measured to predicted counts, mean over the pixels.

    2 (l - k + k log(k / l)) for k counts where l were predicted (McCullagh and Nelder, Generalized Linear
    Models, 1989): 0 for a prediction of the counts themselves; about 1 where only photon noise is left, and
    less in the dark. A thousandth of the mean count is added to both, so that dark pixels stay finite;
    training does the same.
    """
    floor = _FLOOR * float(np.mean(measured, dtype=np.float64))
    if floor == 0:
        raise ScanError("the measured counts are 0 everywhere: a likelihood has no meaning")
    k, rate = np.float64(floor) + measured, np.float64(floor) + predicted
    return float(np.mean(2 * (rate - k + k * np.log(k / rate))))


def diffraction_r_factor(result: Reconstruction, scan: Scan) -> float:
    """R-factor of the far field of `result` against the patterns of `scan`, with the scan's probe.

    The object is scaled by one real factor, the least-squares one between the amplitudes, because a network's
    image may not carry the absolute scale. Bad pixels are left out, and frames that reach beyond the image.
    Raises `ScanError` when the scan has no probe or no frame lies on the image.
    """
    measured, intensity = _far_fields(result, scan)
    a, b = np.sqrt(measured), np.sqrt(intensity)
    power = float(np.vdot(b, b))
    return r_factor(a, b * (float(np.vdot(b, a)) / power if power else 1.0))


def diffraction_deviance(result: Reconstruction, scan: Scan) -> float:
    """`poisson_deviance` of the far field of `result` against the patterns of `scan`: its likelihood.

    As `diffraction_r_factor`, but scaled by the factor of the greatest likelihood, sum k / sum l.
    """
    measured, intensity = _far_fields(result, scan)
    total = float(np.sum(intensity, dtype=np.float64))
    factor = float(np.sum(measured, dtype=np.float64)) / total if total else 1.0
    return poisson_deviance(measured, intensity * np.float32(factor))


def _far_fields(result: Reconstruction, scan: Scan) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measured and predicted counts (n, pixels) of the frames that lie on the image."""
    if scan.probe is None:
        raise ScanError("the scan has no probe: the diffraction of an image cannot be predicted without one")
    good = np.ones((scan.patch_px, scan.patch_px), bool) if scan.bad_pixels is None else ~scan.bad_pixels
    positions = scan.positions_px - np.array(result.origin_px)
    frames = np.flatnonzero(_on_image(positions, scan.patch_px, result.object.shape))
    if frames.size == 0:
        raise ScanError("no frame of the scan lies on the image: are both in the same object pixels?")
    measured, predicted = [], []
    for chunk in np.split(frames, range(_CHUNK, len(frames), _CHUNK)):
        measured.append(scan.counts(chunk)[:, good].astype(np.float32))
        intensity = farfield_intensity(result.object, scan.probe, positions[chunk])
        predicted.append(intensity[:, good].astype(np.float32))
    return np.concatenate(measured), np.concatenate(predicted)


def _on_image(positions: NDArray[np.float64], side: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    corner = nearest_pixel(positions) - side // 2
    return np.asarray(np.all((corner >= 0) & (corner + side <= np.array(shape)), axis=1))
