"""Objects to simulate: each is drawn from its shape and a random generator.

All are (H, W) complex64 with an amplitude between 0.6 and 1 and a phase within +-0.6 rad, a transmission
typical of hard X-rays.
"""

import math
from collections.abc import Callable, Iterator
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.option_literals import ObjectKind, one_of

Shape = tuple[int, int]
Plane = NDArray[np.float64]
Draw = Callable[[Shape, np.random.Generator], NDArray[np.complex64]]

AMPLITUDE = (0.6, 1.0)
PHASE_RAD = (-0.6, 0.6)
PHOTOGRAPHS = ("camera", "brick", "coins", "grass", "gravel", "moon", "astronaut", "coffee")


def make_object(kind: ObjectKind, shape: Shape, rng: np.random.Generator) -> NDArray[np.complex64]:
    """An object of one of `OBJECTS`; raises `ConfigError` for another kind or a shape under 2 pixels."""
    one_of("object", kind, ObjectKind)
    if min(shape) < 2:
        raise ConfigError(f"an object needs at least 2 x 2 pixels, got {shape}")
    return OBJECTS[kind](shape, rng)


def leaves(shape: Shape, rng: np.random.Generator) -> NDArray[np.complex64]:
    """Dead leaves: opaque discs and rectangles, sizes s spread as s^-3 (Lee, Mumford, Huang, 2001)."""
    return _transmission(*_leaves(shape, rng))


def lines(shape: Shape, rng: np.random.Generator) -> NDArray[np.complex64]:
    """Straight fibres that cross the field and add up."""
    fibres = _lines(shape, rng)
    return _transmission(1 - fibres, fibres)


def mix(shape: Shape, rng: np.random.Generator) -> NDArray[np.complex64]:
    """Dead leaves under a net of fibres."""
    amplitude, phase = _leaves(shape, rng)
    fibres = _lines(shape, rng)
    return _transmission(amplitude - 0.7 * fibres, phase + 0.7 * fibres)


def screen(shape: Shape, rng: np.random.Generator) -> NDArray[np.complex64]:
    """A random screen: Gaussian noise whose spectrum falls as 1 / f, amplitude and phase independent."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])
    fall = 1 / np.maximum(np.hypot(fy, fx), 1 / max(shape))
    noise = rng.normal(size=(2, *shape))
    smooth = np.fft.ifft2(np.fft.fft2(noise) * fall).real
    return _transmission(smooth[0], smooth[1])


def star(shape: Shape, rng: np.random.Generator) -> NDArray[np.complex64]:
    """A Siemens star with an odd number of spokes and rings, off the centre, amplitude tied to the phase."""
    y, x = _grid(shape)
    cy, cx = (np.array(shape) - 1) / 2 + rng.uniform(-0.05, 0.05, 2) * shape
    radius, angle = np.hypot(y - cy, x - cx), np.arctan2(y - cy, x - cx)
    spokes = np.sin(17 * angle + rng.uniform(0, 2 * math.pi)) > 0
    rings = (radius / (0.11 * min(shape))) % 1 > 0.12
    inside = radius < 0.48 * min(shape)
    gold = (spokes & rings & inside).astype(np.float64)
    return _transmission(1 - gold, -gold)


def asymmetric(shape: Shape, rng: np.random.Generator) -> NDArray[np.complex64]:
    """A letter F over leaves: it differs from itself after every flip, rotation and transpose."""
    y, x = _grid(shape)
    v, u = y / shape[0], x / shape[1]
    stem = (abs(u - 0.36) < 0.06) & (abs(v - 0.5) < 0.36)
    bars = (u > 0.36) & (((abs(v - 0.2) < 0.06) & (u < 0.8)) | ((abs(v - 0.46) < 0.06) & (u < 0.62)))
    letter = (stem | bars).astype(np.float64)
    amplitude, phase = _leaves(shape, rng)
    return _transmission(0.35 * amplitude + 1 - letter, 0.35 * phase + letter + 0.3 * v)


def natural(shape: Shape, rng: np.random.Generator) -> NDArray[np.complex64]:
    """A photograph of scikit-image, amplitude and phase of opposite contrast; needs that package."""
    try:
        photographs = import_module("skimage.data")
    except ImportError as error:
        raise MissingExtraError(
            'object "natural" needs scikit-image: pip install scikit-image, or choose another'
        ) from error
    image = np.asarray(getattr(photographs, PHOTOGRAPHS[rng.integers(len(PHOTOGRAPHS))])(), dtype=np.float64)
    grey = image.mean(axis=-1) if image.ndim == 3 else image
    grey = np.pad(
        grey, [(0, max(0, want - have)) for want, have in zip(shape, grey.shape, strict=True)], "reflect"
    )
    top, left = (rng.integers(have - want + 1) for want, have in zip(shape, grey.shape, strict=True))
    crop = grey[top : top + shape[0], left : left + shape[1]]
    return _transmission(-crop, crop)


OBJECTS: dict[ObjectKind, Draw] = {
    "mix": mix,
    "leaves": leaves,
    "lines": lines,
    "screen": screen,
    "star": star,
    "asymmetric": asymmetric,
    "natural": natural,
}


def _transmission(amplitude: Plane, phase: Plane) -> NDArray[np.complex64]:
    """Both planes stretched to their range."""
    wave = _stretch(amplitude, AMPLITUDE) * np.exp(1j * _stretch(phase, PHASE_RAD))
    return np.asarray(wave, dtype=np.complex64)


def _stretch(plane: Plane, target: tuple[float, float]) -> Plane:
    low, high = float(plane.min()), float(plane.max())
    return target[0] + (target[1] - target[0]) * (plane - low) / ((high - low) or 1.0)


def _grid(shape: Shape) -> tuple[Plane, Plane]:
    return np.arange(shape[0], dtype=np.float64)[:, None], np.arange(shape[1], dtype=np.float64)[None, :]


def _leaves(shape: Shape, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Amplitude and phase of dead leaves, one over the other; half of the phase follows the amplitude."""
    amplitude, phase = np.full(shape, 0.5), np.full(shape, 0.5)
    for rows, columns, inside in _shapes(shape, rng, 3 + shape[0] * shape[1] // 20):
        value = rng.random()
        amplitude[rows, columns][inside] = value
        phase[rows, columns][inside] = 0.5 * (1 - value) + 0.5 * rng.random()
    return amplitude, phase


def _shapes(
    shape: Shape, rng: np.random.Generator, count: int
) -> Iterator[tuple[slice, slice, NDArray[np.bool_]]]:
    """The box of each leaf and its pixels in it; four of five are discs."""
    smallest, largest = 1.5, max(2.0, min(shape) / 6)
    sizes = 1 / np.sqrt(rng.uniform(1 / largest**2, 1 / smallest**2, count))
    centres = rng.uniform(-5, 5, (count, 2)) + rng.random((count, 2)) * shape
    for size, (cy, cx) in zip(sizes, centres, strict=True):
        reach = math.ceil(size * 1.5)
        top, left = max(0, int(cy) - reach), max(0, int(cx) - reach)
        rows, columns = slice(top, max(top, int(cy) + reach + 1)), slice(left, max(left, int(cx) + reach + 1))
        y = np.arange(rows.start, min(rows.stop, shape[0]))[:, None] - cy
        x = np.arange(columns.start, min(columns.stop, shape[1]))[None, :] - cx
        if rng.random() < 0.8:
            yield rows, columns, y**2 + x**2 < size**2
            continue
        turn, ratio = rng.uniform(0, math.pi), rng.uniform(0.4, 1)
        u, v = math.cos(turn) * y + math.sin(turn) * x, math.cos(turn) * x - math.sin(turn) * y
        yield rows, columns, (abs(u) < size) & (abs(v) < ratio * size)


def _lines(shape: Shape, rng: np.random.Generator) -> Plane:
    y, x = _grid(shape)
    total = np.zeros(shape)
    for _ in range(3 + round(0.12 * math.hypot(*shape))):
        turn, width, weight = rng.uniform(0, math.pi), rng.uniform(0.8, 2.5), rng.uniform(0.3, 1)
        through = rng.random(2) * shape
        away = (y - through[0]) * math.cos(turn) + (x - through[1]) * math.sin(turn)
        total += weight * np.exp(-((away / width) ** 2))
    return np.minimum(total / float(np.quantile(total, 0.99)), 1.0)
