"""Planes, polar values, half precision, crops and windows."""

import numpy as np
import pytest

from ptychoscope import Canvas, _core
from ptychoscope.errors import ConfigError
from ptychoscope.stitch.windows import make_window
from stitch.scene import SUM_ALONE, make_scene, planes

SCENE = make_scene(30, n=30, patch_shape=(16, 20))
PARTS = SCENE.planes


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "cubic"])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("width", [6, 16, 17, 63, 70, 200])
def test_planes_are_complex_numbers(width, whole, interpolation, isa, monkeypatch) -> None:
    """Planes may be read where they lie: what is next to a patch in memory must not show."""
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    scene = make_scene(31, 30, (7, width), windowed=width % 2 == 0, beyond_px=9.0, whole=whole)
    scene.patches[1::2] = np.nan
    expected = planes(scene.canvas(interpolation))
    assert planes(scene.canvas(interpolation, values="real_imag")) == expected

    wide = np.full((30, 2, 9, width + 5), np.inf, np.float32)
    wide[:, :, 1:-1, 2:-3] = scene.planes
    canvas = Canvas(scene.shape, scene.window, interpolation)
    canvas.add(wide[:, :, 1:-1, 2:-3], scene.positions, values="real_imag", warn=False)
    assert planes(canvas) == expected
    assert canvas.coverage().any()


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("values", ["real_imag", "amplitude_phase"])
@pytest.mark.parametrize(
    "lay_out", [lambda p: p, lambda p: np.repeat(p, 2, axis=3)[..., ::2], np.asfortranarray]
)
def test_half_precision_is_read_exactly(values, lay_out, isa, monkeypatch) -> None:
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    half = PARTS.astype(np.float16)
    half[0, 0, 0, :6] = [0, 6e-8, -6e-8, 6.1e-5, 65504, -1]  # zero, subnormal, least normal, largest
    expected, canvas = (Canvas(SCENE.shape, SCENE.window) for _ in range(2))
    expected.add(half.astype(np.float32), SCENE.positions, values=values)
    canvas.add(lay_out(half), SCENE.positions, values=values)
    assert planes(canvas) == planes(expected)
    alone = Canvas(SCENE.shape, SCENE.window, **SUM_ALONE)
    alone.add(lay_out(half), SCENE.positions, values=values)
    assert alone.sum().tobytes() == expected.sum().tobytes()
    half[3, 1, 2, 2] = np.inf
    assert canvas.add(half, SCENE.positions, values=values, warn=False).bad_patches == (3,)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("largest_phase", [3.2, 12.0, 1000.0, 8191.0, 1e5, 1e30])
def test_polar_values(largest_phase: float, isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    rng = np.random.default_rng(0)
    phase = rng.uniform(-largest_phase, largest_phase, (1, 40, 40)).astype(np.float32)
    amplitude = rng.uniform(0, 1, phase.shape).astype(np.float32)
    canvas = Canvas((40, 40))
    canvas.add(np.stack([amplitude, phase], axis=1), [[20.0, 20.0]], values="amplitude_phase")
    expected = amplitude[0] * np.exp(1j * phase[0].astype(np.float64))
    assert np.abs(canvas.image() - expected).max() < 2e-7


def test_crop_is_never_read() -> None:
    poisoned = SCENE.patches.copy()
    poisoned[:, [0, 1, -1, -2], :] = np.nan
    poisoned[:, :, [0, 1, -1, -2]] = np.inf
    cropped = Canvas(SCENE.shape, SCENE.window, crop_px=2)
    cropped.add(poisoned, SCENE.positions)
    expected = Canvas(SCENE.shape, SCENE.window[2:-2, 2:-2])
    expected.add(SCENE.patches[:, 2:-2, 2:-2], SCENE.positions)
    assert planes(cropped) == planes(expected)
    assert cropped.coverage().any()


@pytest.mark.parametrize("side", [15, 16])
def test_windows(side: int) -> None:
    shape = (side, side)
    probe = np.zeros((2, side, side), np.complex64)
    probe[0, 3, 4], probe[1, 3, 4], probe[1, 5, 5] = 3, 4j, 1
    assert make_window("none", shape) is None
    box, hann, light = (make_window(kind, shape, probe) for kind in ("box", "hann", "probe"))
    for window in (box, hann, light):
        assert window.dtype == np.float32
        assert window.max() == 1
    assert box.sum() == (8 if side == 16 else 7) ** 2
    for window in (box, hann):
        np.testing.assert_array_equal(window, window[::-1, ::-1])
    assert hann.min() > 0
    assert light[3, 4] == 1
    assert light[5, 5] == np.float32(1 / 25)
    for arguments in [
        ("probe", shape),
        ("probe", (side + 1, side), probe),
        ("probe", shape, 0 * probe),
        ("cosine", shape),
    ]:
        with pytest.raises(ConfigError):
            make_window(*arguments)
