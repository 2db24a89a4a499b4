"""How good placing between pixels is, and how sums age."""

import numpy as np
import pytest
import torch

from ptychoscope import Canvas, reference
from stitch.scene import make_scene


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
@pytest.mark.parametrize(("accumulate", "near"), [("float32", 1e-5), ("float64", 3e-7), ("exact", 3e-7)])
def test_a_hundred_thousand_patches(accumulate: str, near: float) -> None:
    scene = make_scene(40, n=1000, patch_shape=(16, 16), shape=(200, 210))
    expected = reference.stitch(
        torch.from_numpy(scene.patches),
        torch.from_numpy(scene.positions),
        scene.shape,
        torch.from_numpy(scene.window),
    )
    canvas = Canvas(scene.shape, scene.window, accumulate=accumulate)
    for _ in range(100):
        canvas.add(scene.patches, scene.positions)
    weights = expected.denominator.numpy()
    trusted = weights > 1e-3 * weights.max()
    assert np.abs(canvas.image() - expected.image.numpy())[trusted].max() < near * np.abs(scene.patches).max()
    assert np.abs(canvas.coverage() / 100 - weights).max() < near * weights.max()
