"""Orientation: each of the 8 symmetries and every step on positions is undone by its named option."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.option_literals import Operation, words
from ptychoscope.preprocess.orientation import Orientation, apply_operation
from ptychoscope.preprocess.refocus_magnify_probe import magnified
from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, simulate_scan

OPERATIONS = words(Operation)
INVERSE = {name: name for name in OPERATIONS} | {"rot90": "rot270", "rot270": "rot90"}
MATRIX = {  # (row, column) -> (row, column) about the centre, y down
    "none": [[1, 0], [0, 1]],
    "rot90": [[0, -1], [1, 0]],
    "rot180": [[-1, 0], [0, -1]],
    "rot270": [[0, 1], [-1, 0]],
    "flip_y": [[-1, 0], [0, 1]],
    "flip_x": [[1, 0], [0, -1]],
    "transpose": [[0, 1], [1, 0]],
    "antitranspose": [[0, -1], [-1, 0]],
}


@pytest.mark.parametrize("side", [1, 2, 5, 8])
@pytest.mark.parametrize("name", OPERATIONS)
class TestOperation:
    def test_is_its_matrix_about_the_zero_frequency(self, rng, name, side):
        image = rng.random((side, side))
        turned = apply_operation(image, name)
        offsets = np.array([[y - side // 2, x - side // 2] for y in range(side) for x in range(side)])
        moved = (offsets @ np.array(MATRIX[name]).T + side // 2) % side
        assert_array_equal(turned[moved[:, 0], moved[:, 1]], image.reshape(-1))

    def test_is_undone_by_its_inverse(self, rng, name, side):
        image = rng.random((3, side, side))
        assert_array_equal(apply_operation(apply_operation(image, name), INVERSE[name]), image)

    def test_commutes_with_the_fourier_transform(self, rng, name, side):
        def far_field(wave):
            return np.abs(np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(wave)))) ** 2

        wave = rng.normal(size=(side, side)) + 1j * rng.normal(size=(side, side))
        assert_allclose(far_field(apply_operation(wave, name)), apply_operation(far_field(wave), name))


def test_rot90_is_numpys_on_odd_sides(rng):
    image = rng.random((7, 7))
    assert_array_equal(apply_operation(image, "rot90"), np.rot90(image))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_turned_detector_is_undone_by_name(scan, name):
    turned = Orientation(patterns=name, probe=name).apply(scan)
    back = Orientation.parse(f"patterns={INVERSE[name]},probe={INVERSE[name]}").apply(turned)
    for item in ("patterns", "bad_pixels", "probe", "positions_px", "object"):
        assert_array_equal(getattr(back, item), getattr(scan, item), err_msg=item)
    assert (name == "none") == np.array_equal(turned.patterns, scan.patterns)


@given(st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.25, 1.0, 3.0]))
def test_positions_are_swapped_then_flipped_then_scaled(swap, flip_y, flip_x, scale):
    turn = Orientation(swap_xy=swap, flip_y=flip_y, flip_x=flip_x, scale=scale)
    y, x = 3.0, 5.0
    y, x = (x, y) if swap else (y, x)
    expected = [scale * (-y if flip_y else y), scale * (-x if flip_x else x)]
    assert turn.turned(np.array([[3.0, 5.0]])).tolist() == [expected]


def test_what_was_done_is_recorded_in_order(scan):
    first = Orientation.parse("patterns=rot90, swap_xy").apply(scan)
    second = Orientation.parse("flip_x,scale=0.5").apply(first)
    assert second.orientation == {
        "steps": [["patterns", "rot90"], ["swap_xy", True], ["flip_x", True], ["scale", 0.5]]
    }
    assert Orientation().apply(scan) is scan


@pytest.mark.parametrize("side", [4, 7])
def test_fftshift_brings_the_corner_to_the_middle(rng, side):
    patterns = rng.random((3, side, side), dtype=np.float32)
    corner = np.fft.ifftshift(patterns, axes=(1, 2))
    scan = Scan(patterns=corner, positions_px=np.zeros((3, 2)), domain="counts")
    assert_array_equal(Orientation(patterns="fftshift").apply(scan).patterns, patterns)
    both = Orientation(patterns="fftshift+transpose").apply(scan).patterns
    assert_array_equal(both, apply_operation(patterns, "transpose"))


def test_a_rotation_by_90_degrees_is_rot90():
    positions = np.array([[2.0, 3.0], [-1.0, 5.0]])
    turned = Orientation(rotate=90).turned(positions)
    assert_allclose(turned, positions @ np.array(MATRIX["rot90"]).T, atol=1e-12)


@pytest.mark.parametrize("shift", [-3, 1])
def test_a_shift_pairs_frame_k_with_position_k_plus_shift(scan, shift):
    shifted = Orientation(shift_frames=shift).apply(scan)
    pairs = [(k, k + shift) for k in range(len(scan)) if 0 <= k + shift < len(scan)]
    assert len(shifted) == len(pairs)
    for j, (frame, place) in enumerate(pairs):
        assert_array_equal(shifted.patterns[j], scan.patterns[frame])
        assert_array_equal(shifted.positions_px[j], scan.positions_px[place])
        assert_array_equal(shifted.nominal_positions_px[j], scan.nominal_positions_px[place])


def test_a_shift_that_leaves_nothing_is_refused(scan):
    with pytest.raises(ScanError, match="shift_frames=7"):
        Orientation(shift_frames=7).apply(scan)


@pytest.mark.parametrize("text", ["probe=conjugate", "probe=conjugate+flip_x"])
def test_a_conjugate_probe_is_undone_by_its_own_name(scan, text):
    there = Orientation.parse(text).apply(scan)
    assert not np.array_equal(there.probe, scan.probe)
    assert_array_equal(Orientation.parse(text).apply(there).probe, scan.probe)


def test_a_defocus_is_a_phase_of_the_far_field_and_is_undone_by_its_opposite(scan):
    there = Orientation(probe_defocus=3.5).apply(scan)
    far, before = np.fft.fft2(there.probe), np.fft.fft2(scan.probe)
    k = np.fft.fftfreq(scan.patch_px)
    assert_allclose(far, before * np.exp(3.5j * np.add.outer(k**2, k**2)), atol=1e-5)
    back = Orientation(probe_defocus=-3.5).apply(there)
    assert_allclose(back.probe, scan.probe, atol=1e-5)


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("side", [32, 33])
def test_a_magnified_gaussian_is_a_wider_gaussian_of_the_same_power(side, factor):
    x = np.arange(side) - side // 2

    def gaussian(width):
        wave = np.exp(-np.add.outer(x**2, x**2) / (2 * width**2))[None]
        return wave / np.linalg.norm(wave)

    assert_allclose(magnified(gaussian(3.0), factor), gaussian(3.0 * factor), atol=2e-4)


def test_text_is_what_parse_reads():
    text = "patterns=fftshift+rot90,probe=conjugate,swap_xy,rotate=-3.5,scale=0.25,shift_frames=-2"
    assert Orientation.parse(text).text == text
    assert Orientation.parse(Orientation.parse(text).text) == Orientation.parse(text)


@pytest.mark.parametrize(("text", "part"), [
    ("rotate=left", "left"), ("shift_frames=1.5", "1.5"), ("probe_scale=0", "probe_scale"),
    ("rotate=nan", "nan"),
    ("probe_defocus=inf", "probe_defocus"), ("patterns=fftshift+rot45", "rot45"),
    ("probe=fftshift", "fftshift"),
    ("rot90", "rot90"), ("patterns=rot45", "rot45"), ("scale=big", "big"), ("scale=0", "0.0"),
    ("scale=-1", "-1.0"), ("scale=nan", "nan"), ("flip_y=yes", "flip_y=yes"), ("swap_xy,swap_xy", "twice"),
])  # fmt: skip
def test_unknown_steps_are_named(text, part):
    with pytest.raises(ConfigError, match=part):
        Orientation.parse(text)


def test_shifted_frames_keep_their_numbers():
    scan = simulate_scan(SimulationConfig(rows=4, columns=4, patch_px=16, step_px=3)).select(slice(2, None))
    assert Orientation(shift_frames=1).apply(scan).numbers.tolist() == list(range(2, 15))
    assert Orientation(shift_frames=-1).apply(scan).numbers.tolist() == list(range(3, 16))


@pytest.mark.parametrize("steps", ["", "swap_xy", "flip_y,scale=0.7", "rotate=13.7"])
def test_the_bits_of_a_position_do_not_depend_on_those_beside_it(rng, steps):
    """A running scan turns batches of any size, a file all at once."""
    orientation, positions = Orientation.parse(steps), rng.uniform(-1e3, 1e3, (257, 2))
    whole = orientation.turned(positions)
    for size in (1, 2, 3, 5, 64, 100):
        parts = [orientation.turned(positions[k : k + size]) for k in range(0, len(positions), size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
