"""The C++ canvas computes what the float64 reference defines."""

from collections.abc import Callable

import numpy as np
import pytest

from ptychoscope import Canvas, _core
from ptychoscope.stitch._canvas_base import CanvasBase
from stitch.scene import SUM_ALONE, Scene, image_tolerance, make_scene

INTERPOLATIONS = ["nearest", "bilinear", "cubic", "lanczos3"]
ACCUMULATES = ["float32", "float64", "exact"]

SCENES = {
    "odd patch": make_scene(1, patch_shape=(17, 17)),
    "even patch": make_scene(2, patch_shape=(16, 16)),
    "rectangular patch": make_scene(3, patch_shape=(9, 20)),
    "wider than a vector": make_scene(4, patch_shape=(33, 70), shape=(80, 150)),
    "no window": make_scene(5, windowed=False),
    "whole positions": make_scene(6, whole=True),
    "partly and fully outside": make_scene(7, n=80, beyond_px=30.0),
    "patch larger than the canvas": make_scene(8, n=5, patch_shape=(40, 40), shape=(11, 13)),
    "one patch": make_scene(9, n=1),
    "none": make_scene(10, n=0),
    "canvas of one pixel": make_scene(11, n=20, shape=(1, 1), beyond_px=5.0),
    "smallest patch": make_scene(12, patch_shape=(6, 6), shape=(20, 20)),
    "a thousand patches": make_scene(13, n=1000, patch_shape=(7, 8), shape=(19, 23)),
}


NEAR_SUMS = 1.5e-6
"""Of the largest sum: the window, the taps and every product are rounded to float32 once."""


def spread_tolerance(accumulate: str) -> float:
    """Exact: the root of the squares' quantum, 2^-35 for a bound of 64, at 1/1000 of the full weight."""
    return (2.0**-35 / 1e-3) ** 0.5 if accumulate == "exact" else 2e-5


def check_against_reference(canvas: CanvasBase, scene: Scene, interpolation: str, accumulate: str) -> None:
    """A canvas that holds the scene, on the host or on a device."""
    expected = scene.reference(interpolation)
    image, coverage, spread = canvas.image(), canvas.coverage(), canvas.spread()
    assert image.dtype == np.complex64
    assert coverage.dtype == spread.dtype == np.float32

    weights, numerator = expected.denominator.numpy(), expected.numerator.numpy()
    top = max(weights.max(), 1e-30)
    assert np.abs(coverage - weights).max() <= NEAR_SUMS * top
    assert np.abs(image * coverage - numerator).max() <= NEAR_SUMS * max(np.abs(numerator).max(), 1e-30)

    trusted = weights > 1e-3 * top
    truth = expected.image.numpy()[trusted]
    near = image_tolerance(accumulate, len(scene.patches)) * np.abs(truth).max(initial=0)
    assert np.abs(image[trusted] - truth).max(initial=0) <= near
    near = spread_tolerance(accumulate)
    np.testing.assert_allclose(spread[trusted], expected.spread.numpy()[trusted], rtol=1e-5, atol=near)
    assert not image[weights == 0].any()
    assert not spread[weights == 0].any()


def every_canvas(test: Callable[..., None]) -> Callable[..., None]:
    """The test for every scene, interpolation, kind of sums and instruction set."""
    for name, values in (("interpolation", INTERPOLATIONS), ("accumulate", ACCUMULATES)):
        test = pytest.mark.parametrize(name, values)(test)
    test = pytest.mark.parametrize("isa", _core.available_isas())(test)
    return pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())(test)


@every_canvas
def test_canvas_is_the_reference(
    scene: Scene, interpolation: str, accumulate: str, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    check_against_reference(scene.canvas(interpolation, accumulate), scene, interpolation, accumulate)


@every_canvas
def test_the_sum_is_the_numerator(
    scene: Scene, interpolation: str, accumulate: str, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit the same whether it is kept alone, with the coverage or with the spread."""
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    alone = scene.canvas(interpolation, accumulate, **SUM_ALONE).sum()
    numerator = scene.reference(interpolation).numerator.numpy()
    assert alone.dtype == np.complex64
    assert np.abs(alone - numerator).max() <= NEAR_SUMS * max(np.abs(numerator).max(), 1e-30)
    for spread in (False, True):
        assert scene.canvas(interpolation, accumulate, spread=spread).sum().tobytes() == alone.tobytes()


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("interpolation", ["bilinear", "cubic", "lanczos3"])
def test_whole_positions_make_all_interpolations_alike(interpolation: str, isa: str, monkeypatch) -> None:
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    scene = make_scene(20, whole=True, beyond_px=10.0)
    nearest, other = scene.canvas("nearest"), scene.canvas(interpolation)
    assert nearest.image().tobytes() == other.image().tobytes()
    assert nearest.coverage().tobytes() == other.coverage().tobytes()


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("accumulate", ACCUMULATES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_a_constant_stays_constant(interpolation: str, accumulate: str, isa: str, monkeypatch) -> None:
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    scene = make_scene(21, n=200, beyond_px=8.0)
    scene.patches[:] = 0.6 - 0.8j
    canvas = scene.canvas(interpolation, accumulate)
    covered = canvas.coverage() > 1e-3
    assert covered.mean() > 0.9
    np.testing.assert_allclose(canvas.image()[covered], 0.6 - 0.8j, rtol=0, atol=1e-6)
    assert canvas.spread()[covered].max() < spread_tolerance(accumulate)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("size", [128, 1024])
def test_four_scattered_additions_give_the_same_sum(size: int, isa: str, monkeypatch) -> None:
    """Bilinear placement as torch programs write it, in float32: each pixel is shared out among four. Where a
    patch ends in zeros, that is the same sum. Positions on a grid of 1/256 px, which float32 can hold.
    """
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    scene = make_scene(25, n=300, patch_shape=(16, 16), shape=(size, size), windowed=False)
    scene.positions = np.round(scene.positions.clip(9, size - 10) * 256) / 256
    inside = np.zeros((16, 16), np.float32)
    inside[1:-1, 1:-1] = 1
    scene.patches *= inside
    corners = (scene.positions - 8).astype(np.float32)
    whole = np.floor(corners).astype(int)
    y, x = (corners - whole).T[:, :, None, None]
    rows, columns = (whole[:, axis, None] + np.arange(16) for axis in (0, 1))
    sums = np.zeros((size, size), np.complex64)
    for dy, down in enumerate((1 - y, y)):
        for dx, right in enumerate((1 - x, x)):
            np.add.at(sums, (rows[:, :, None] + dy, columns[:, None, :] + dx), down * right * scene.patches)
    canvas = scene.canvas("bilinear")
    assert np.abs(canvas.image() * canvas.coverage() - sums).max() <= 4e-6 * np.abs(sums).max()


@pytest.mark.parametrize(
    "lay_out",
    [
        lambda p: p,
        np.asfortranarray,
        lambda p: np.ascontiguousarray(p[::-1])[::-1],
        lambda p: np.repeat(np.repeat(p, 2, axis=1), 3, axis=2)[:, ::2, ::3],
        lambda p: np.ascontiguousarray(p.transpose(0, 2, 1)).transpose(0, 2, 1),
    ],
    ids=["contiguous", "fortran", "reversed", "strided", "transposed"],
)
def test_any_strides_give_the_same_bits(lay_out) -> None:
    scene = make_scene(22, patch_shape=(12, 18))
    canvas = Canvas(scene.shape, scene.window)
    canvas.add(lay_out(scene.patches), scene.positions)
    assert canvas.image().tobytes() == scene.canvas().image().tobytes()


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1j * np.inf])
def test_what_is_not_finite_is_left_out_and_said(poison: complex) -> None:
    scene = make_scene(23)
    clean = scene.canvas()
    patches = np.concatenate([scene.patches, scene.patches[:2]])
    patches[-2, 3, 4] = poison
    positions = np.concatenate([scene.positions, [[30.0, 30.0], [np.nan, 30.0]]])
    canvas = Canvas(scene.shape, scene.window)
    with pytest.warns(RuntimeWarning, match="2 of 42 patches are left out: 1 positions and 1 patches"):
        report = canvas.add(patches, positions)
    assert report == ((41,), (40,), 0)
    assert canvas.left_out == 2
    assert canvas.image().tobytes() == clean.image().tobytes()


def test_spread_of_two_known_values() -> None:
    canvas = Canvas((4, 4))
    canvas.add(np.full((1, 4, 4), 1 + 0j, np.complex64), [[2.0, 2.0]])
    canvas.add(np.full((1, 4, 4), 3 + 0j, np.complex64), [[2.0, 2.0]])
    np.testing.assert_array_equal(canvas.image(), np.full((4, 4), 2 + 0j))
    np.testing.assert_array_equal(canvas.spread(), np.ones((4, 4)))


@pytest.mark.parametrize("accumulate", ACCUMULATES)
def test_small_spread_on_a_large_mean_is_not_lost(accumulate: str) -> None:
    rng = np.random.default_rng(0)
    patches = (1 + 1e-4 * rng.normal(size=(400, 8, 8))).astype(np.complex64)
    canvas = Canvas((8, 8), accumulate=accumulate)
    canvas.add(patches, np.full((400, 2), 4.0))
    np.testing.assert_allclose(canvas.spread(), patches.real.astype(np.float64).std(axis=0), rtol=5e-3)
