"""Of mends that give the same data the simplest is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.simplest import simplest
from ptychoscope.option_literals import Operation, words
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.scan import Scan
from ptychoscope.simulate.far_field import farfield_intensity

OPERATIONS = st.sampled_from(words(Operation))


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("patterns=transpose,probe=transpose", "swap_xy"),
        ("patterns=flip_y,probe=flip_y,rotate=7", "flip_y,rotate=-7.0"),
        ("patterns=rot90,probe=rot90", "swap_xy,flip_x"),
        ("probe=flip_x,flip_x", "patterns=flip_x"),
        (
            "patterns=fftshift+rot180,probe=rot180+conjugate",
            "patterns=fftshift,probe=conjugate,flip_y,flip_x",
        ),
        ("patterns=transpose", "patterns=transpose"),
        ("swap_xy,scale=2.0", "scale=2.0,swap_xy"),
        ("", ""),
    ],
)
def test_fewest_are_turned(long, short):
    short = Orientation.parse(short)
    assert simplest(Mend(orientation=Orientation.parse(long))).orientation == short


@given(OPERATIONS, OPERATIONS, st.tuples(*[st.booleans()] * 3), st.sampled_from([0.0, 90.0]))
def test_the_same_data_of_a_turned_object(patterns, probe, bits, rotate):
    """A scan that a mend puts right is put right by the simplest one too."""
    names = dict(zip(("swap_xy", "flip_y", "flip_x"), bits, strict=True))
    long = Mend().with_steps(patterns=patterns, probe=probe, rotate=rotate, **names)
    scan = some_scan()
    one, other = long.apply(scan), simplest(long).apply(scan)
    g = turn_between(one.positions_px, other.positions_px)
    # patterns differ by the same symmetry as positions: compare moments that turn with them
    assert_allclose(centres(other.patterns), centres(one.patterns) @ g.T, atol=1e-4)
    assert_allclose(centres(np.abs(other.probe) ** 2), centres(np.abs(one.probe) ** 2) @ g.T, atol=1e-4)


def some_scan():
    rng = np.random.default_rng(3)
    side = 7
    probe = (rng.normal(size=(2, 1, side, side)) @ np.eye(side)).astype(np.float32)
    probe = (probe[0] + 1j * probe[1]).astype(np.complex64)
    positions = rng.integers(8, 16, (6, 2)).astype(float)
    intensity = farfield_intensity(np.exp(1j * rng.normal(size=(24, 24))), probe, positions)
    return Scan(patterns=intensity, positions_px=positions, probe=probe, domain="counts")


def turn_between(one, other):
    matrix, *_ = np.linalg.lstsq(one, other, rcond=None)
    assert_allclose(one @ matrix, other, atol=1e-8)
    return matrix.T


def centres(images):
    places = np.stack(np.meshgrid(*[np.arange(7) - 3] * 2, indexing="ij"), axis=-1)
    return np.einsum("nyx,yxi->ni", images, places) / images.sum(axis=(1, 2))[:, None]
