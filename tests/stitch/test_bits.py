"""The bits do not depend on threads, on how patches are split over calls, nor, when exact, on their order."""

import numpy as np
import pytest

from ptychoscope import Canvas, _core
from stitch.scene import SUM_ALONE, make_scene, planes

LARGE = make_scene(0, n=300, patch_shape=(64, 64), shape=(200, 260), beyond_px=20.0)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("values", ["complex", "real_imag"])
@pytest.mark.parametrize("accumulate", ["float32", "float64", "exact"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "cubic", "lanczos3"])
def test_threads_and_batches(
    interpolation: str, accumulate: str, values: str, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also over how patches are handed out: what follows is compared with complex64, one thread, one call."""
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    expected = planes(LARGE.canvas(interpolation, accumulate))
    expected_sum = LARGE.canvas(interpolation, accumulate).sum().tobytes()
    for threads in (1, 2, 3, 7):
        assert planes(LARGE.canvas(interpolation, accumulate, threads, values)) == expected
        alone = LARGE.canvas(interpolation, accumulate, threads, values, **SUM_ALONE)
        assert alone.sum().tobytes() == expected_sum
    patches = LARGE.patches if values == "complex" else LARGE.planes
    for batch in (1, 7, 64):
        canvas = Canvas(LARGE.shape, LARGE.window, interpolation, accumulate)
        for start in range(0, len(patches), batch):
            part = slice(start, start + batch)
            canvas.add(patches[part], LARGE.positions[part], values=values, warn=False)
        assert planes(canvas) == expected


@pytest.mark.parametrize("windowed", [True, False])
def test_exact_sums_have_no_order(windowed: bool) -> None:
    scene = make_scene(3, n=120, patch_shape=(24, 24), windowed=windowed)
    expected = planes(scene.canvas(accumulate="exact"))
    order = np.random.default_rng(1).permutation(len(scene.patches))
    scene.patches, scene.positions = scene.patches[order], scene.positions[order]
    assert planes(scene.canvas(accumulate="exact")) == expected
