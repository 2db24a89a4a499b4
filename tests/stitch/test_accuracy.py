"""How good placing between pixels is, and how sums age."""

import numpy as np
import pytest

from ptychoscope import Canvas
from stitch.scene import image_tolerance, make_scene


def band_limited_patches(cut: float, *, size: int = 128, side: int = 32, n: int = 400):
    """A random periodic object with a spectrum 1 / k cut at `cut` of Nyquist, and patches shifted exactly."""
    rng = np.random.default_rng(8)
    ky, kx = np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size), indexing="ij")
    k = np.hypot(ky, kx)
    spectrum = np.where((k > 0) & (k <= cut / 2), 1 / np.maximum(k, 1 / size), 0)
    spectrum = spectrum * np.exp(2j * np.pi * rng.random(spectrum.shape))
    spectrum *= 0.35 / np.abs(np.fft.ifft2(spectrum)).std()
    spectrum[0, 0] = size * size
    positions = rng.uniform(side / 2, size - side / 2, (n, 2))
    patches = np.empty((n, side, side), np.complex64)
    for patch, (y, x) in zip(patches, positions, strict=True):
        corner = np.array([y, x]) - side // 2
        moved = np.fft.ifft2(spectrum * np.exp(2j * np.pi * (ky * corner[0] + kx * corner[1])))
        patch[:] = moved[:side, :side]
    return np.fft.ifft2(spectrum), patches, positions


@pytest.mark.parametrize(("cut", "better"), [(0.25, 5), (0.5, 2)])
def test_cubic_places_better_than_bilinear(cut: float, better: float) -> None:
    truth, patches, positions = band_limited_patches(cut)
    error = {}
    for interpolation in ("bilinear", "cubic", "lanczos3"):
        canvas = Canvas(truth.shape, interpolation=interpolation)
        canvas.add(patches, positions)
        covered = canvas.coverage() > 5
        error[interpolation] = np.linalg.norm((canvas.image() - truth)[covered])
    assert better * error["cubic"] < error["bilinear"]
    assert better * error["lanczos3"] < error["bilinear"]


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", ["float32", "float64", "exact"])
def test_a_hundred_thousand_patches(accumulate: str) -> None:
    """A thousand patches again and again: the image is the same, the sums grow."""
    scene = make_scene(40, n=1000, patch_shape=(16, 16), shape=(200, 210))
    expected = scene.reference("bilinear")
    weights, truth = expected.denominator.numpy(), expected.image.numpy()
    trusted = weights > 1e-3 * weights.max()
    canvas = Canvas(scene.shape, scene.window, "bilinear", accumulate)
    for n in range(1000, 101_000, 1000):
        canvas.add(scene.patches, scene.positions)
        if n in (2000, 10_000, 100_000):
            near = image_tolerance(accumulate, n)
            assert np.abs(canvas.image() - truth)[trusted].max() <= near * np.abs(truth[trusted]).max()
            assert np.abs(canvas.coverage() / (n / 1000) - weights).max() <= near * weights.max()
