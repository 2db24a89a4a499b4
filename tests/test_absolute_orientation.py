"""Absolute orientation: true patches of an asymmetric object, stitched, are the object where it lies."""

import numpy as np
import pytest

from ptychoscope.metrics import diffraction_r_factor, registration
from ptychoscope.option_literals import Operation, words
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.orientation import Orientation, apply_operation
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, make_object, simulate_scan
from ptychoscope.stitch.canvas import Canvas
from results import result_of

SIDE = 24
OPERATIONS = words(Operation)
INVERSE = {name: name for name in OPERATIONS} | {"rot90": "rot270", "rot270": "rot90"}


@pytest.fixture(scope="module")
def scan() -> Scan:
    """Sub-pixel positions on a rectangular field, without noise; detail that bilinear keeps."""
    object_ = make_object("asymmetric", (96, 132), np.random.default_rng(0))
    f2 = np.fft.fftfreq(96)[:, None] ** 2 + np.fft.fftfreq(132) ** 2
    object_ = np.fft.ifft2(np.fft.fft2(object_) * np.exp(-2 * (np.pi * 1.8) ** 2 * f2))
    config = SimulationConfig(patch_px=SIDE, rows=16, columns=24, step_px=4, sub_pixel=True, noise=False)
    return simulate_scan(config, object_=object_)


def stitched(scan: Scan) -> Reconstruction:
    """The true patches at the scan's positions, cut at sub-pixel places from the object, put on a canvas."""
    frame = canvas_extent(scan.positions_px, (SIDE, SIDE))
    canvas = Canvas(frame.shape)
    offsets = np.arange(SIDE) - SIDE // 2
    patches = [bilinear(scan.object, y + offsets, x + offsets) for y, x in scan.positions_px]
    canvas.add(np.stack(patches).astype(np.complex64), frame.to_canvas(scan.positions_px))
    return Reconstruction(
        object=canvas.image(), coverage=canvas.coverage(), spread=canvas.spread(), origin_px=frame.origin_px,
        pixel_size_m=None, positions_px=scan.positions_px,
    )  # fmt: skip


def bilinear(image, y, x):
    """`image` at rows `y` and columns `x`, fractions between the pixels."""
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = (y - top)[:, None], (x - left)[None, :]
    above = image[np.ix_(top, left)] * (1 - right) + image[np.ix_(top, left + 1)] * right
    below = image[np.ix_(top + 1, left)] * (1 - right) + image[np.ix_(top + 1, left + 1)] * right
    return above * (1 - down) + below * down


def test_the_canvas_is_the_object_where_it_lies(scan):
    result = stitched(scan)
    assert result.object.shape[0] != result.object.shape[1]
    y, x = result.origin_px
    inside = np.s_[8 : result.object.shape[0] - 8, 8 : result.object.shape[1] - 8]
    truth = scan.object[y : y + result.object.shape[0], x : x + result.object.shape[1]][inside]
    image = result.object[inside]
    assert np.abs(np.array(registration(image, truth))).max() < 0.1
    correlation = np.vdot(image - image.mean(), truth - truth.mean()) / np.sqrt(
        np.vdot(image - image.mean(), image - image.mean())
        * np.vdot(truth - truth.mean(), truth - truth.mean())
    )
    assert correlation.real > 0.999
    for name in OPERATIONS[1:]:
        square = image[: min(image.shape), : min(image.shape)]
        other = apply_operation(truth[: min(image.shape), : min(image.shape)], name)
        likeness = np.corrcoef(np.abs(square).ravel(), np.abs(other).ravel())[0, 1]
        assert likeness < 0.7, name


def misfit(scan: Scan) -> float:
    """How badly the true object explains the patterns at the positions."""
    return diffraction_r_factor(result_of(scan.object, positions_px=scan.positions_px), scan)


def spoil(scan: Scan, *, patterns: str, swap: bool) -> Scan:
    """What a turned detector and swapped motors would have written."""
    positions = scan.positions_px[:, ::-1] if swap else scan.positions_px
    return Scan(
        patterns=apply_operation(scan.patterns, patterns), positions_px=positions, domain=scan.domain,
        probe=scan.probe, object=scan.object,
    )  # fmt: skip


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_orientation_and_the_axis_swap_are_undone_by_name(scan, name, swap):
    frames = scan.select(np.s_[::9])
    wrong = spoil(frames, patterns=name, swap=swap)
    right = Orientation(patterns=INVERSE[name], swap_xy=swap).apply(wrong)
    np.testing.assert_array_equal(right.patterns, frames.patterns)
    np.testing.assert_array_equal(right.positions_px, frames.positions_px)
    assert misfit(right) < 1e-3
    if name != "none" or swap:
        assert misfit(wrong) > 0.03
