"""How well an image explains the diffraction that was measured."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.patch_geometry import nearest_pixel
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.simulate.far_field import farfield_intensity

_CHUNK = 256
_FLOOR, _MOST_COUNTS = 1e-3, 0.25
"""Of the mean counts of a pixel, and at most so many photons: added to measured and predicted counts alike
before the logarithm. More would hide the noise of dim pixels where there are many photons."""


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
    less in the dark. A thousandth of the mean count, at most a quarter of a photon, is added to both, so that
    dark pixels stay finite.
    """
    floor = min(_FLOOR * float(np.mean(measured, dtype=np.float64)), _MOST_COUNTS)
    if floor == 0:
        raise ScanError("the measured counts are 0 everywhere: a likelihood has no meaning")
    k, rate = np.float64(floor) + measured, np.float64(floor) + predicted
    return float(np.mean(2 * (rate - k + k * np.log(k / rate))))


def diffraction_r_factor(result: Reconstruction, scan: Scan, *, saturation: float | None = None) -> float:
    """R-factor of the far field of `result` against the patterns of `scan`.

    The probe is the result's, or the scan's where it has none; frames whose positions the result corrected
    are predicted where it put them. The object is scaled by one real factor, the least-squares one between
    the amplitudes, because a network's image may not carry the absolute scale. Left out are bad pixels,
    pixels at or above `saturation` (in the scan's units), and frames that reach beyond the image. Raises
    `ScanError` when there is no probe or no frame lies on the image.
    """
    measured, intensity = _far_fields(result, scan, saturation)
    a, b = np.sqrt(measured), np.sqrt(intensity)
    power = float(np.vdot(b, b))
    return r_factor(a, b * (float(np.vdot(b, a)) / power if power else 1.0))


def diffraction_deviance(result: Reconstruction, scan: Scan, *, saturation: float | None = None) -> float:
    """`poisson_deviance` of the far field of `result` against the patterns of `scan`: its likelihood.

    As `diffraction_r_factor`, but scaled by the factor of the greatest likelihood, sum k / sum l.
    """
    measured, intensity = _far_fields(result, scan, saturation)
    total = float(np.sum(intensity, dtype=np.float64))
    factor = float(np.sum(measured, dtype=np.float64)) / total if total else 1.0
    return poisson_deviance(measured, intensity * np.float32(factor))


def _far_fields(
    result: Reconstruction, scan: Scan, saturation: float | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measured and predicted counts (k,) of the measured pixels of the frames that lie on the image."""
    probe = _probe(result, scan)
    positions = _corrected(result, scan) - np.array(result.origin_px)
    frames = np.flatnonzero(_on_image(positions, scan.patch_px, result.object.shape))
    if frames.size == 0:
        raise ScanError("no frame of the scan lies on the image: are both in the same object pixels?")
    measured, predicted = [], []
    for chunk in np.split(frames, range(_CHUNK, len(frames), _CHUNK)):
        amplitude = measured_amplitudes(scan, chunk, saturation=saturation)
        known = amplitude >= 0
        measured.append(np.square(amplitude[known]))
        intensity = farfield_intensity(result.object, probe, positions[chunk])
        if result.background is not None:
            intensity += result.background
        predicted.append(intensity[known].astype(np.float32))
    return np.concatenate(measured), np.concatenate(predicted)


def _probe(result: Reconstruction, scan: Scan) -> NDArray[np.complex64]:
    probe = scan.probe if result.probe is None else result.probe
    if probe is None:
        raise ScanError(
            "neither the scan nor the result has a probe: the diffraction of an image cannot be predicted "
            "without one"
        )
    if probe.shape[-1] != scan.patch_px:
        raise ScanError(
            f"the result's probe has {probe.shape[-1]} px a side and the scan's patterns {scan.patch_px}: "
            "compare it with the scan that it was made from"
        )
    return probe


def _corrected(result: Reconstruction, scan: Scan) -> NDArray[np.float64]:
    """(n, 2) positions of the frames: the result's own for those that it corrected."""
    given = result.given_positions_px
    if given is None or given.shape != result.positions_px.shape:
        return scan.positions_px
    corrected = dict(zip(map(tuple, given.tolist()), result.positions_px.tolist(), strict=True))
    return np.array([corrected.get(tuple(place), place) for place in scan.positions_px.tolist()])


def _on_image(positions: NDArray[np.float64], side: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    corner = nearest_pixel(positions) - side // 2
    return np.asarray(np.all((corner >= 0) & (corner + side <= np.array(shape)), axis=1))
