"""Laws of the canvas' bits, for scenes that hypothesis draws, on every instruction set of the machine."""

import os
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ptychoscope import Canvas, _core
from stitch.scene import SUM_ALONE, Scene, make_scene, planes

SCENES = st.builds(
    make_scene,
    seed=st.integers(0, 2**31),
    n=st.integers(0, 30),
    patch_shape=st.tuples(st.integers(6, 40), st.integers(6, 40)),
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    windowed=st.booleans(),
    beyond_px=st.floats(0, 30),
    whole=st.booleans(),
)
INTERPOLATIONS = st.sampled_from(["nearest", "bilinear", "cubic", "lanczos3"])
ACCUMULATES = st.sampled_from(["float32", "float64", "exact"])
ISAS = st.sampled_from(_core.available_isas())


def on_isa(isa: str):
    return patch.dict(os.environ, {"PTYCHOSCOPE_ISA": isa})


def in_parts(scene: Scene, canvas: Canvas, cuts: list[int]) -> Canvas:
    for part in np.split(np.arange(len(scene.patches)), sorted(c % (len(scene.patches) + 1) for c in cuts)):
        canvas.add(scene.patches[part], scene.positions[part])
    return canvas


@settings(max_examples=60, deadline=None)
@given(SCENES, INTERPOLATIONS, ACCUMULATES, ISAS, st.lists(st.integers(0, 30), max_size=5))
def test_batches_do_not_matter(scene, interpolation, accumulate, isa, cuts) -> None:
    with on_isa(isa):
        canvas = in_parts(scene, Canvas(scene.shape, scene.window, interpolation, accumulate), cuts)
        assert planes(canvas) == planes(scene.canvas(interpolation, accumulate))


@settings(max_examples=60, deadline=None)
@given(SCENES, INTERPOLATIONS, ACCUMULATES, ISAS, st.lists(st.integers(0, 30), max_size=5))
def test_growing_does_not_matter(scene, interpolation, accumulate, isa, cuts) -> None:
    with on_isa(isa):
        small = Canvas((1, 1), scene.window, interpolation, accumulate, grow=True)
        grown = in_parts(scene, small, cuts)
        row0, row1, column0, column1 = grown.extent
        large = Canvas((row1 - row0, column1 - column0), scene.window, interpolation, accumulate)
        large.add(scene.patches, scene.positions - [row0, column0])
        assert grown.left_out == 0
        assert planes(grown) == planes(large)


@settings(max_examples=60, deadline=None)
@given(SCENES, INTERPOLATIONS, ISAS, st.randoms(use_true_random=False))
def test_exact_knows_no_order(scene, interpolation, isa, random) -> None:
    """Any order, any partition into canvases, merged in any order, grown or not."""
    with on_isa(isa):
        expected = planes(scene.canvas(interpolation, "exact"))
        canvases = [
            Canvas(scene.shape, scene.window, interpolation, "exact", grow=False)
            for _ in range(random.randint(1, 4))
        ]
        order = list(range(len(scene.patches)))
        random.shuffle(order)
        for i in order:
            random.choice(canvases).add(scene.patches[i : i + 1], scene.positions[i : i + 1])
        random.shuffle(canvases)
        total, *others = canvases
        for other in others:
            total.merge(other)
        assert planes(total) == expected


@settings(max_examples=60, deadline=None)
@given(SCENES, INTERPOLATIONS, ACCUMULATES, ISAS, st.lists(st.integers(0, 30), max_size=5))
def test_sums_alone_keep_the_bits(scene, interpolation, accumulate, isa, cuts) -> None:
    """Batches, growing, reading a part, starting anew; for exact sums also merging."""
    with on_isa(isa):
        small = Canvas((1, 1), scene.window, interpolation, accumulate, grow=True, **SUM_ALONE)
        row0, row1, column0, column1 = in_parts(scene, small, cuts).extent
        large = Canvas((row1 - row0, column1 - column0), scene.window, interpolation, accumulate, **SUM_ALONE)
        for _ in range(2):
            large.reset()
            large.add(scene.patches, scene.positions - [row0, column0])
            assert large.sum().tobytes() == small.sum().tobytes()
        region = small.take_dirty() or small.extent
        r, c = slice(region[0] - row0, region[1] - row0), slice(region[2] - column0, region[3] - column0)
        assert small.sum(region).tobytes() == large.sum()[r, c].tobytes()
        if accumulate == "exact":
            first, second = (
                Canvas(scene.shape, scene.window, interpolation, "exact", **SUM_ALONE) for _ in "12"
            )
            first.add(scene.patches[::2], scene.positions[::2])
            second.add(scene.patches[1::2], scene.positions[1::2])
            second.merge(first)
            assert second.sum().tobytes() == scene.canvas(interpolation, "exact").sum().tobytes()


@settings(max_examples=40, deadline=None)
@given(SCENES, INTERPOLATIONS, st.sampled_from(["float32", "float64"]))
def test_merging_floats_is_adding_to_rounding(scene, interpolation, accumulate) -> None:
    half = len(scene.patches) // 2
    first, second = (Canvas(scene.shape, scene.window, interpolation, accumulate) for _ in range(2))
    first.add(scene.patches[:half], scene.positions[:half])
    second.add(scene.patches[half:], scene.positions[half:])
    first.merge(second)
    whole = scene.canvas(interpolation, accumulate)
    trusted = whole.coverage() > 1e-3
    np.testing.assert_allclose(first.coverage(), whole.coverage(), rtol=2e-6)
    np.testing.assert_allclose(first.sum(), whole.sum(), rtol=0, atol=3e-5)
    np.testing.assert_allclose(first.image()[trusted], whole.image()[trusted], atol=1e-5)
    np.testing.assert_allclose(first.spread()[trusted], whole.spread()[trusted], rtol=1e-4, atol=3e-5)


@settings(max_examples=30, deadline=None)
@given(SCENES, ACCUMULATES)
def test_reset_and_dirty(scene, accumulate) -> None:
    canvas = scene.canvas(accumulate=accumulate)
    covered = np.argwhere(canvas.coverage() > 0)
    dirty = canvas.take_dirty()
    if len(covered):
        (row0, column0), (row1, column1) = covered.min(axis=0), covered.max(axis=0) + 1
        assert dirty is not None
        assert dirty[0] <= row0
        assert dirty[1] >= row1
        assert dirty[2] <= column0
        assert dirty[3] >= column1
        image = canvas.image()[dirty[0] : dirty[1], dirty[2] : dirty[3]]
        assert canvas.image(dirty).tobytes() == image.tobytes()
    assert canvas.take_dirty() is None
    canvas.reset()
    assert not canvas.coverage().any()
    canvas.add(scene.patches, scene.positions)
    assert planes(canvas) == planes(scene.canvas(accumulate=accumulate))
