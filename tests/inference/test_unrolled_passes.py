"""Projection, merge and re-extraction of the runtime against their definitions in numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optics import far_field, lit_probe
from ptychoscope._core import Projector
from ptychoscope.inference.unrolled_passes import MOMENTUM, ObjectEstimate, unroll
from ptychoscope.preprocess.probe_intensity import merge_weight, probe_intensity
from ptychoscope.preprocess.whole_and_fraction import split_subpixel
from ptychoscope.stitch.reextract import cut_coverage, cut_out, merged

REGULARISATION = 0.05


def planes(values: np.ndarray) -> np.ndarray:
    return np.stack([values.real, values.imag], axis=1).astype(np.float32)


def residual(patches: np.ndarray, amplitudes: np.ndarray, probe: np.ndarray, dark: float) -> np.ndarray:
    """The step that the modulus asks for, as it is defined, in double precision."""
    waves = far_field(probe[None] * patches[:, None])
    gain = amplitudes[:, None] / np.sqrt(np.square(np.abs(waves)).sum(1, keepdims=True) + dark) - 1
    back = np.conj(far_field(np.conj(waves * gain)))
    lit = np.square(np.abs(probe)).sum(0)
    return (np.conj(probe) * back).sum(1) / (lit + REGULARISATION * lit.max())


def moved(probe: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """A probe moved by a fraction of a pixel, by the Fourier shift theorem."""
    side = probe.shape[-1]
    k = np.arange(side) - side // 2
    ramp = np.exp(-2j * np.pi / side * np.add.outer(k * fraction[0], k * fraction[1]))
    return np.conj(far_field(np.conj(far_field(probe) * ramp)))


@pytest.mark.parametrize("side", [8, 15, 16, 20, 64])
@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("first", [True, False])
def test_residual(rng: np.random.Generator, side: int, modes: int, first: bool) -> None:
    probe = lit_probe(side, 1e5, modes).astype(np.complex64)
    patches = 1 + 0.2 * (rng.normal(size=(3, side, side)) + 1j * rng.normal(size=(3, side, side)))
    truth = np.square(np.abs(far_field(probe[None] * patches[:, None]))).sum(1)
    amplitudes = np.sqrt(rng.poisson(truth)).astype(np.float32)
    start = np.ones_like(patches) if first else 0.8 * patches
    dark = 1.0  # photon: below it, float32 does not know the phase of the far field
    got = Projector(probe, REGULARISATION, dark).residual(
        None if first else planes(start), amplitudes, np.full((3, 2), 4)
    )
    expected = residual(start, amplitudes, probe.astype(complex), dark)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(got, planes(expected), atol=2e-5 * np.abs(expected).max() + 2e-6)


@pytest.mark.parametrize("fraction", [(0, 0), (4, 0), (7, 3), (1, 6)])
def test_the_probe_moves_by_the_fraction(rng: np.random.Generator, fraction: tuple[int, int]) -> None:
    probe = lit_probe(32, 1e5).astype(np.complex64)
    amplitudes = np.sqrt(rng.poisson(20, (1, 32, 32))).astype(np.float32)
    shifted = moved(probe, (np.array(fraction) - 4) / 8)
    got = Projector(probe, REGULARISATION, 1e-3).residual(None, amplitudes, np.array([fraction]))
    expected = planes(residual(np.ones((1, 32, 32)), amplitudes, shifted, 1e-3))
    assert np.abs(got - expected).max() < 0.02 * np.abs(expected).max()


def test_unmeasured_pixels_ask_for_nothing(rng: np.random.Generator) -> None:
    probe = lit_probe(16, 1e5).astype(np.complex64)
    amplitudes = np.full((2, 16, 16), -1, np.float32)
    got = Projector(probe, REGULARISATION, 0).residual(None, amplitudes, np.full((2, 2), 4))
    assert np.abs(got).max() < 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, np.ones((2, 8, 8)), np.full((2, 2), 4)), "amplitudes"),
        ((None, np.ones((2, 16, 16)), np.full((3, 2), 4)), "fractions"),
        ((None, np.ones((2, 16, 16)), np.full((2, 2), 8)), "0 to 7"),
        ((None, np.ones((2, 16, 16)), np.full((2, 2), -1)), "0 to 7"),
        ((np.ones((1, 2, 16, 16)), np.ones((2, 16, 16)), np.full((2, 2), 4)), "patches"),
    ],
)
def test_wrong_shapes_are_refused(arguments: tuple, message: str) -> None:
    projector = Projector(lit_probe(16, 1e5).astype(np.complex64), REGULARISATION, 0)
    with pytest.raises(ValueError, match=message):
        projector.residual(*arguments)


@pytest.mark.parametrize(("regularisation", "dark"), [(0, 0), (-1, 0), (np.nan, 0), (0.1, -1), (0.1, np.nan)])
def test_impossible_constants_are_refused(regularisation: float, dark: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Projector(lit_probe(16, 1e5).astype(np.complex64), regularisation, dark)


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=2))
def test_a_position_is_its_whole_pixel_and_the_rest(position: list[float]) -> None:
    whole, steps = split_subpixel(np.array([position]))
    assert (whole == np.rint(whole)).all()
    assert ((steps >= 0) & (steps < 8)).all()
    assert np.abs(whole + (steps - 4) / 8 - position).max() <= 1 / 16 + 1e-9


@pytest.mark.parametrize("side", [5, 6])
def test_merge_is_the_weighted_mean(rng: np.random.Generator, side: int) -> None:
    whole = rng.integers(-3, 6, (7, 2)).astype(float)
    patches = rng.normal(size=(7, side, side)) + 1j * rng.normal(size=(7, side, side))
    weight = merge_weight(lit_probe(side, 100, 2).astype(np.complex64))
    total = np.zeros((40, 40), complex)
    weights = np.zeros((40, 40))
    slices = [np.s_[y : y + side, x : x + side] for y, x in whole.astype(int) + 10]
    for where, patch in zip(slices, patches, strict=True):
        total[where] += weight * patch
        weights[where] += weight
    with np.errstate(invalid="ignore"):
        mean = total / weights
    got, coverage = merged(planes(patches), whole, weight)
    np.testing.assert_allclose(got, planes(np.stack([mean[where] for where in slices])), atol=2e-5)
    np.testing.assert_allclose(coverage[:, 0], [weights[where] for where in slices], rtol=1e-5)


def test_a_frame_alone_comes_back_as_it_was(rng: np.random.Generator) -> None:
    patches = rng.normal(size=(1, 2, 8, 8)).astype(np.float32)
    weight = merge_weight(lit_probe(8, 1e6).astype(np.complex64))
    got, coverage = merged(patches, np.array([[3.0, -7.0]]), weight)
    np.testing.assert_allclose(got, patches, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(coverage, weight[None, None])


def test_the_intensity_of_a_probe_is_that_of_all_modes() -> None:
    probe = lit_probe(8, 1e6, 3).astype(np.complex64)
    assert probe_intensity(probe).shape == (8, 8)
    np.testing.assert_allclose(probe_intensity(probe).sum(), 1e6, rtol=1e-5)


def test_cut_out_is_what_lies_there(rng: np.random.Generator) -> None:
    image = (rng.normal(size=(20, 17)) + 1j * rng.normal(size=(20, 17))).astype(np.complex64)
    got = cut_out(image, np.array([[4.0, 3.0], [15.0, 9.0]]), 7)
    np.testing.assert_array_equal(got[0, 0] + 1j * got[0, 1], image[1:8, 0:7])
    np.testing.assert_array_equal(got[1, 0] + 1j * got[1, 1], image[12:19, 6:13])
    coverage = cut_coverage(image.real.copy(), np.array([[4.0, 3.0], [15.0, 9.0]]), 7)
    np.testing.assert_array_equal(coverage, got[:, :1])


class TestUnroll:
    """The loop over stages, on numbers in place of patches."""

    @staticmethod
    def run(stages: tuple[int | None, ...]) -> tuple[list[float | None], float]:
        seen: list[float | None] = []

        def step(number: int | None, estimate: ObjectEstimate | None) -> float:
            seen.append(None if estimate is None else float(estimate.values))
            return 1.0 if estimate is None else float(estimate.values) + 1

        made = unroll(stages, step, lambda value: ObjectEstimate(np.array(value), np.ones(1)))
        return seen, made

    def test_passes_follow_each_other(self) -> None:
        assert self.run((0, 1, 2)) == ([None, 1.0, 2.0], 3.0)

    def test_projections_move_on_by_their_last_move(self) -> None:
        """o_k = m_k + 0.8 (o_{k-1} - o_{k-2}) with m the merge, beginning at rest."""
        seen, made = self.run((0, None, None, None))
        first, second = 1.0, 2.0
        third = (second + 1) + MOMENTUM * (second - first)
        assert seen[0] is None
        assert seen[1:] == pytest.approx([first, second, third])
        assert made == pytest.approx(third + 1)
