"""What a reconstruction may differ by without being wrong: a complex factor, a phase ramp, a shift."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.metrics.area import soft_edge

Complex = NDArray[np.complex128]


def complex_factor(image: Complex, truth: Complex) -> complex:
    """The c that minimises |c image - truth|^2 over all pixels; 0 when `image` is 0 everywhere."""
    power = float(np.vdot(image, image).real)
    return complex(np.vdot(image, truth)) / power if power else 0j


def phase_ramp(image: Complex, truth: Complex) -> tuple[float, float]:
    """(along y, along x) rad per pixel: the linear phase of `truth` against `image`, both (H, W).

    Started from the phase of neighbouring pixels' products, which no wrap disturbs; refined by weighted
    least squares on what remains.
    """
    ratio = truth * image.conj()
    slope = np.array([_step(ratio, 0), _step(ratio, 1)])
    y, x = (np.arange(side) - (side - 1) / 2 for side in ratio.shape)
    plane = np.stack([np.broadcast_to(y[:, None], ratio.shape), np.broadcast_to(x, ratio.shape)]).reshape(
        2, -1
    )
    for _ in range(6):
        rest = ratio.ravel() * np.exp(-1j * (slope @ plane))
        rest *= np.exp(-1j * np.angle(rest.sum()))
        slope = slope + _fit(plane, np.angle(rest), np.abs(rest))
    return float(slope[0]), float(slope[1])


def remove_ramp(image: Complex, ramp: tuple[float, float]) -> Complex:
    """`image` (H, W) times the linear phase `ramp` (rad per pixel), which is 0 in its middle."""
    y, x = (np.arange(side) - (side - 1) / 2 for side in image.shape)
    return np.asarray(image * np.exp(1j * (ramp[0] * y[:, None] + ramp[1] * x)))


def registration(
    image: Complex, truth: Complex, *, upsample: int = 100, mask: NDArray[np.bool_] | None = None
) -> tuple[float, float]:
    """(y, x) px by which `image` must be moved to lie on `truth`, to about 1 / `upsample` of a pixel.

    The peak of the cross-correlation of the images, their means removed, windowed by the soft edge of `mask`
    (None: by Hann), found on the grid of pixels and then on a finer one around it by a matrix Fourier
    transform (Guizar-Sicairos, Thurman and Fienup, Optics Letters 33, 2008). Repeated on the moved image,
    because windows that do not move along with what they show pull the peak towards 0. (0, 0) when one of
    the images is flat.
    """
    if np.ptp(np.abs(image - image.mean())) == 0 or np.ptp(np.abs(truth - truth.mean())) == 0:
        return 0.0, 0.0
    window = hann(image.shape) if mask is None else soft_edge(mask)
    target, shift = np.fft.fft2(_windowed(truth, window, mask)), np.zeros(2)
    for _ in range(4):
        tried = _windowed(moved(image, (shift[0], shift[1])), window, mask)
        step = _peak(target * np.fft.fft2(tried).conj(), upsample)
        shift += step
        if np.abs(step).max() < 1 / upsample:
            break
    return float(shift[0]), float(shift[1])


def _peak(cross: Complex, upsample: int) -> NDArray[np.float64]:
    """Place (2,) of the largest modulus of the inverse transform of `cross`, to 1 / `upsample` pixels."""
    coarse = np.unravel_index(np.argmax(np.abs(np.fft.ifft2(cross))), cross.shape)
    start = np.array([k - side if k > side // 2 else k for k, side in zip(coarse, cross.shape, strict=True)])
    steps = np.arange(-upsample, upsample + 1) / upsample
    kernel_y, kernel_x = (
        np.exp(2j * np.pi * np.outer(centre + steps, np.fft.fftfreq(side)))
        for centre, side in zip(start, cross.shape, strict=True)
    )
    fine = np.unravel_index(np.argmax(np.abs(kernel_y @ cross @ kernel_x.T)), (len(steps), len(steps)))
    return np.asarray(start + steps[list(fine)])


def moved(image: Complex, shift_px: tuple[float, float]) -> Complex:
    """`image` (H, W) moved by (y, x) pixels, cyclically, by a linear phase in Fourier space."""
    ramp_y, ramp_x = (
        np.exp(-2j * np.pi * np.fft.fftfreq(side) * shift)
        for side, shift in zip(image.shape, shift_px, strict=True)
    )
    return np.fft.ifft2(np.fft.fft2(image) * ramp_y[:, None] * ramp_x)


def hann(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """(H, W) product of two Hann windows."""
    return np.asarray(np.hanning(shape[0])[:, None] * np.hanning(shape[1]))


def _windowed(image: Complex, window: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> Complex:
    mean = image.mean() if mask is None else image[mask].mean()
    return np.asarray((image - mean) * window)


def _step(ratio: Complex, axis: int) -> float:
    ahead, behind = np.moveaxis(ratio, axis, 0)[1:], np.moveaxis(ratio, axis, 0)[:-1]
    return float(np.angle(np.vdot(behind, ahead)))


def _fit(
    plane: NDArray[np.float64], phase: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Slopes (2,) of the weighted least-squares plane through `phase`, its height free."""
    terms = np.vstack([plane, np.ones_like(phase)])
    normal = (terms * weight) @ terms.T
    solution = np.linalg.lstsq(normal, (terms * weight) @ phase, rcond=None)[0]
    return np.asarray(solution[:2], np.float64)
