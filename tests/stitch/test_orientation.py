"""Absolute orientation: true patches land where they came from, on a rectangular canvas."""

import numpy as np
import pytest

from ptychoscope import Canvas
from ptychoscope.patch_geometry import canvas_extent


def asymmetric_object(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A smooth object without any symmetry, known at every real position."""
    blobs = [(0.9, 40.3, 30.2, 6.0), (0.6, 80.1, 33.7, 9.0), (-0.7, 43.0, 110.4, 7.0), (0.4, 70, 90, 14.0)]
    phase = sum(a * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * s * s)) for a, cy, cx, s in blobs)
    return (1 - 0.2 * phase) * np.exp(1j * phase)


@pytest.mark.parametrize("side", [31, 32])
@pytest.mark.parametrize("interpolation", ["bilinear", "cubic"])
def test_true_patches_rebuild_the_object(side: int, interpolation: str) -> None:
    rng = np.random.default_rng(5)
    positions = rng.uniform([10.0, 5.0], [110.0, 140.0], (900, 2))
    local = np.arange(side) - side // 2
    patches = np.stack(
        [asymmetric_object(y + local[:, None], x + local[None, :]) for y, x in positions]
    ).astype(np.complex64)
    frame = canvas_extent(positions, (side, side))
    assert frame.shape[0] != frame.shape[1]
    canvas = Canvas(frame.shape, interpolation=interpolation)
    canvas.add(patches, frame.to_canvas(positions))
    image, covered = canvas.image(), canvas.coverage() > 4

    rows, columns = np.indices(frame.shape).astype(float) + np.array(frame.origin_px)[:, None, None]
    truth = asymmetric_object(rows, columns)
    a, b = image[covered] - image[covered].mean(), truth[covered] - truth[covered].mean()
    assert abs(np.vdot(a, b)) / (np.linalg.norm(a) * np.linalg.norm(b)) > 0.999
    assert np.abs(offset_px(image, truth, covered)).max() < 0.02
    mirrored = truth[::-1, ::-1][covered] - truth[::-1, ::-1][covered].mean()
    assert abs(np.vdot(a, mirrored)) / (np.linalg.norm(a) * np.linalg.norm(mirrored)) < 0.9


def offset_px(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The shift (y, x) that best explains image - truth to first order (least squares on the gradients)."""
    gradients = np.stack([g[mask] for g in np.gradient(truth)], axis=1)
    shift, *_ = np.linalg.lstsq(
        np.concatenate([gradients.real, gradients.imag]),
        np.concatenate([(image - truth)[mask].real, (image - truth)[mask].imag]),
        rcond=None,
    )
    return -shift
