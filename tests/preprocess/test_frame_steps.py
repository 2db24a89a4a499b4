"""Frames through the kernels against the same steps written in numpy."""

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope._core import available_isas
from ptychoscope.option_literals import Operation
from ptychoscope.preprocess.frame_steps import FrameSteps
from ptychoscope.preprocess.orientation import apply_operation

TYPES = ("uint8", "uint16", "uint32", "int32", "float32")


def values_and_measured(steps, frames):
    """Counts (k, H, W) float64, and where they are measured."""
    values = frames.astype(np.float64)
    measured = np.isfinite(values)
    if steps.negative == "zero":
        values = np.where(values < 0, 0, values)
    elif steps.negative == "unwrap":
        values = np.where(values < 0, values + 65536, values)
    measured &= values >= 0
    if steps.threshold is not None:
        measured &= values < steps.threshold
    if steps.all_ones and frames.dtype.kind == "u":
        largest = np.iinfo(frames.dtype).max
        measured &= values < (largest - 1 if frames.dtype == np.uint32 else largest)
    if steps.mask is not None:
        measured &= ~steps.mask
    return np.where(measured, np.square(values) if steps.domain == "amplitude" else values, 0), measured


def defined(steps, frames):
    """The definition, in its order."""
    values, measured = values_and_measured(steps, frames)
    if steps.zero_frequency == "corner":
        values, measured = (np.fft.fftshift(a, axes=(-2, -1)) for a in (values, measured))
    side, b, p = steps.window_px, steps.bin, steps.out_side
    (y, x), (height, width) = steps.corner_px, steps.detector_px
    rows, columns = np.arange(side) + y, np.arange(side) + x
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    at = np.ix_(range(len(frames)), rows.clip(0, height - 1), columns.clip(0, width - 1))
    values, measured = np.where(inside, values[at], 0), measured[at] & inside
    sums = values.reshape(-1, p, b, p, b).sum((2, 4))
    good = measured.reshape(-1, p, b, p, b).sum((2, 4))
    kept = (2 * good >= b * b) & (good > 0)
    counts = sums * steps.factor * b * b / np.maximum(good, 1)
    result = np.where(kept, np.sqrt(counts) if steps.out_domain == "amplitude" else counts, -1)
    return apply_operation(result, steps.operation)


def some_frames(rng, dtype, count, height, width):
    if dtype == "float32":
        frames = rng.normal(2, 3, (count, height, width)).astype(np.float32)
        special = np.array([np.nan, np.inf, -np.inf, -0.0, 65536.5], np.float32)
    else:
        limits = np.iinfo(dtype)
        frames = rng.poisson(3, (count, height, width)).astype(dtype)
        special = np.array([limits.max, limits.max - 1, limits.max - 2, limits.min, limits.max // 2], dtype)
    odd = rng.random(frames.shape) < rng.choice([0, 0.02, 0.5])
    return np.where(odd, rng.choice(special, frames.shape), frames).astype(dtype)


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    b = draw(st.sampled_from([1, 2, 3, 4, 5]))
    mask = draw(st.sampled_from([None, 0.0, 0.1, 0.6, 1.0]))
    steps = FrameSteps(
        detector_px=(height, width),
        side_px=b * draw(st.integers(1, 20)),
        corner_px=(draw(st.integers(-45, 45)), draw(st.integers(-45, 45))),
        bin=b,
        mask=None if mask is None else rng.random((height, width)) < mask,
        threshold=draw(st.sampled_from([None, 0.5, 4, 5.5, 1e9, 1e300])),
        all_ones=draw(st.booleans()),
        negative=draw(st.sampled_from([None, "zero", "unwrap"])),
        zero_frequency=draw(st.sampled_from(["centre", "corner"])),
        operation=draw(st.sampled_from(get_args(Operation))),
        domain=draw(st.sampled_from(["counts", "amplitude"])),
        output=draw(st.sampled_from([None, "counts", "amplitude"])),
        factor=draw(st.sampled_from([1.0, 0.25, 3.7])),
    )
    frames = some_frames(rng, draw(st.sampled_from(TYPES)), draw(st.integers(0, 3)), height, width)
    return steps, frames


@given(cases())
def test_as_defined(case):
    steps, frames = case
    found = steps.apply(frames)
    assert found.shape == (len(frames), steps.out_side, steps.out_side)
    assert found.dtype == np.float32
    assert_allclose(found, defined(steps, frames), rtol=1e-6, atol=0)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("b", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("operation", get_args(Operation))
def test_whole_counts_are_exact(rng, monkeypatch, isa, dtype, b, operation):
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    frames = rng.poisson(9, (3, 67, 70)).astype(dtype)
    steps = FrameSteps(detector_px=(67, 70), bin=b, operation=operation, threshold=100)
    expected = defined(steps, frames)
    assert_array_equal(steps.apply(frames), expected)
    assert_allclose(replace(steps, output="amplitude").apply(frames), np.sqrt(expected), rtol=1e-6)


@pytest.mark.parametrize("dtype", TYPES)
def test_bits_do_not_depend_on_machine_threads_or_batches(rng, monkeypatch, dtype):
    frames = some_frames(rng, dtype, 13, 50, 61)
    steps = FrameSteps(
        detector_px=(50, 61),
        side_px=48,
        bin=3,
        mask=rng.random((50, 61)) < 0.1,
        factor=0.37,
        output="amplitude",
    )
    wanted = steps.apply(frames)
    for isa in available_isas():
        monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
        assert_array_equal(steps.apply(frames), wanted)
        assert_array_equal(steps.apply(frames, threads=3), wanted)
        assert_array_equal(np.concatenate([steps.apply(frames[k : k + 5]) for k in (0, 5, 10)]), wanted)


@pytest.mark.parametrize("side", [1, 2, 7, 8])
def test_the_defaults_do_nothing(rng, side):
    frames = rng.random((2, side, side), np.float32)
    steps = FrameSteps(detector_px=(side, side))
    assert_array_equal(steps.apply(frames), frames)
    assert steps.record() == {"detector_px": [side, side], "side_px": side, "corner_px": [0, 0]}


@pytest.mark.parametrize(
    ("height", "width", "b"), [(8, 8, 2), (9, 8, 1), (514, 1030, 4), (9, 9, 3), (10, 13, 4)]
)
def test_the_middle_of_the_frame_becomes_that_of_the_pattern(height, width, b):
    steps = FrameSteps(detector_px=(height, width), bin=b)
    frames = np.zeros((1, height, width), np.uint16)
    frames[0, height // 2, width // 2] = 1
    pattern = steps.apply(frames)[0]
    assert len(pattern) == min(height, width) // b
    assert pattern[steps.out_side // 2, steps.out_side // 2] == 1


@pytest.mark.parametrize("centre", [(30, 41), (30.4, 40.6), (2, 70)])
@pytest.mark.parametrize("b", [1, 2, 3, 4])
def test_a_window_about_a_centre(centre, b):
    """The mean place of the pixels in the middle bin is the centre, to half a pixel."""
    steps = FrameSteps.about(centre, 8 * b, detector_px=(64, 80), bin=b)
    y, x = steps.corner_px
    middle = np.array([y, x]) + steps.out_side // 2 * b + (b - 1) / 2
    assert (np.abs(middle - centre) <= 0.5).all()


def test_all_ones_are_gaps_and_saturation():
    """By type: 8 and 16 bits have one such value, 32 bits two."""
    for dtype, last in (("uint8", 1), ("uint16", 1), ("uint32", 2)):
        largest = np.iinfo(dtype).max
        frames = np.array([[[largest - 2, largest - 1], [largest, 7]]], dtype)
        steps = FrameSteps(detector_px=(2, 2), all_ones=True)
        assert_array_equal(steps.apply(frames)[0] < 0, frames[0] > largest - last)


@pytest.mark.parametrize(("bad", "expected"), [(0, 40), (1, 40), (8, 40), (9, -1), (16, -1)])
def test_a_bin_with_bad_pixels(bad, expected):
    mask = np.zeros(16, bool)
    mask[:bad] = True
    frames = np.where(mask, 65535, 2.5).reshape(1, 4, 4).astype(np.float32)
    steps = FrameSteps(detector_px=(4, 4), bin=4, mask=mask.reshape(4, 4))
    assert steps.apply(frames)[0, 0, 0] == pytest.approx(expected)
    assert steps.unmeasured()[0, 0] == (expected < 0)
    by_value = FrameSteps(detector_px=(4, 4), bin=4, threshold=65535)
    assert_array_equal(by_value.apply(frames), steps.apply(frames))


def test_wrapped_counts(data_dir):
    """Real frames that were kept in 16 bits: what is negative is above 32767."""
    frames = np.load(data_dir / "frames20_512.npz", allow_pickle=False)["reciprocal"]
    steps = FrameSteps(detector_px=frames.shape[1:], negative="unwrap", bin=4, output="amplitude")
    unwrapped = np.where(frames < 0, frames + 65536, frames).reshape(-1, 128, 4, 128, 4)
    assert_allclose(steps.apply(frames), np.sqrt(unwrapped.sum((2, 4), dtype=np.int64)), rtol=1e-6)
    assert_array_equal(steps.apply(frames.astype(np.int16)), steps.apply(frames))


@pytest.mark.parametrize("dtype", ["int8", "int16", ">u2", ">f4", "float16", "float64", "int64", "uint64"])
def test_other_types_are_brought_to_these(rng, dtype):
    counts = rng.poisson(5, (2, 6, 6))
    steps = FrameSteps(detector_px=(6, 6), bin=2)
    assert_array_equal(steps.apply(counts.astype(dtype)), defined(steps, counts))


def test_strided_and_unaligned_frames(rng):
    counts = rng.poisson(5, (4, 12, 12)).astype(np.uint16)
    steps = FrameSteps(detector_px=(6, 6))
    assert_array_equal(steps.apply(counts[::2, ::2, ::2]), counts[::2, ::2, ::2])
    raw = np.empty(4 * 36 * 2 + 1, np.uint8)
    unaligned = raw[1:].view(np.uint16).reshape(4, 6, 6)
    unaligned[:] = counts[:, :6, :6]
    assert_array_equal(steps.apply(unaligned), unaligned)


def test_into_an_array(rng):
    counts = rng.poisson(5, (4, 6, 6)).astype(np.uint8)
    out = np.empty((4, 6, 6), np.float32)
    assert FrameSteps(detector_px=(6, 6)).apply(counts, out=out) is out
    assert_array_equal(out, counts)
    with pytest.raises(ValueError, match="out must be"):
        FrameSteps(detector_px=(6, 6)).apply(counts, out=out[:3])


@given(cases())
def test_a_record_is_the_steps(case):
    steps, frames = case
    again = FrameSteps.from_record(json.loads(json.dumps(steps.record())))
    assert again.record() == steps.record()
    assert_array_equal(again.apply(frames), steps.apply(frames))


def test_the_mask_is_kept_as_it_was_given():
    mask = np.zeros((4, 4), bool)
    steps = FrameSteps(detector_px=(4, 4), mask=mask)
    mask[:] = True
    assert not steps.unmeasured().any()
