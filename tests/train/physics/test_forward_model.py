"""The forward model and the merge against their definitions in numpy, and their gradients."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from optics import far_field, lit_probe, make_scan

torch = pytest.importorskip("torch")

from ptychoscope.train.config import TrainConfig  # noqa: E402
from ptychoscope.train.data.batches import (  # noqa: E402
    Placement,
    ScanSubset,
    make_batch,
)
from ptychoscope.train.data.symmetry import transform_planes  # noqa: E402
from ptychoscope.train.physics.forward_model import Fourier, Physics, dft_matrix, illumination  # noqa: E402  # noqa: E402
from ptychoscope.train.physics.losses import LOSSES, poisson_deviance, total_variation  # noqa: E402
from ptychoscope.train.physics.overlap import coverage, merge  # noqa: E402
from ptychoscope.train.physics.scan_parameters import ScanParameters  # noqa: E402


def planes(wave: NDArray) -> "torch.Tensor":
    return torch.from_numpy(np.stack([wave.real, wave.imag], -3))


def as_complex(tensor: "torch.Tensor") -> NDArray:
    array = tensor.detach().numpy()
    return array[..., 0, :, :] + 1j * array[..., 1, :, :]


def waves(rng: np.random.Generator, *shape: int) -> NDArray:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@pytest.mark.parametrize("side", [2, 5, 8, 16])
def test_fourier_is_the_centred_orthonormal_dft(rng: np.random.Generator, side: int) -> None:
    wave, fourier = waves(rng, 3, 2, side, side), exact(Fourier(side))
    there = fourier(planes(wave))
    np.testing.assert_allclose(as_complex(there), far_field(wave), atol=1e-12)
    np.testing.assert_allclose(as_complex(fourier.inverse(there)), wave, atol=1e-12)
    if side % 2 == 0:
        by_fft = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(wave, (-2, -1)), norm="ortho"), (-2, -1))
        np.testing.assert_allclose(as_complex(there), by_fft, atol=1e-12)


def exact(module: "torch.nn.Module") -> "torch.nn.Module":
    """The module in float64, its DFT matrix computed anew."""
    module.double()
    for part in module.modules():
        if isinstance(part, Fourier):
            part.matrix = dft_matrix(part.matrix.shape[0] // 2)
    return module


@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("per_frame", [False, True])
def test_counts_add_the_intensities_of_the_modes(
    rng: np.random.Generator, modes: int, per_frame: bool
) -> None:
    patch = waves(rng, 4, 8, 8)
    probe = waves(rng, 4, modes, 8, 8) if per_frame else waves(rng, modes, 8, 8)
    frames = probe if per_frame else np.broadcast_to(probe, (4, modes, 8, 8))
    expected = np.square(np.abs(far_field(frames * patch[:, None]))).sum(1)
    got = exact(Physics(8)).counts(planes(patch), planes(probe))
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-10)


def test_residual_is_nothing_for_the_truth_and_the_definition_elsewhere(rng: np.random.Generator) -> None:
    truth, guess, probe = waves(rng, 3, 16, 16), waves(rng, 3, 16, 16), lit_probe(16, 1e4, 2)
    physics = exact(Physics(16))
    amplitude = physics.counts(planes(truth), planes(probe)).sqrt()
    assert physics.residual(planes(truth), amplitude, planes(probe)).abs().max() < 1e-5
    field = far_field(probe[None] * guess[:, None])
    modulus = np.sqrt(np.square(np.abs(field)).sum(1, keepdims=True))
    change = field * (amplitude.numpy() / modulus - 1)
    back = np.conj(far_field(np.conj(change)))
    lit = np.square(np.abs(probe)).sum(0)
    expected = (np.conj(probe) * back).sum(1) / (lit + 0.05 * lit.max())
    got = as_complex(physics.residual(planes(guess), amplitude, planes(probe)))
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


def test_shift_moves_the_probe_by_whole_and_broken_pixels(rng: np.random.Generator) -> None:
    probe = lit_probe(32, 1.0)
    k = np.arange(32) - 16
    fraction = np.array([[1.0, -2.0], [0.25, -0.4], [0.0, 0.0]])
    moved = as_complex(
        exact(Physics(32)).shift(
            planes(np.broadcast_to(probe, (3, 1, 32, 32)).copy()), torch.tensor(fraction)
        )
    )
    np.testing.assert_allclose(moved[0, 0], np.roll(probe[0], (1, -2), (0, 1)), atol=1e-6)
    square = np.add.outer((k - 0.25) ** 2, (k + 0.4) ** 2)
    spot = np.exp(-square / (0.045 * 32**2) + 0.35j * square / 32)
    np.testing.assert_allclose(moved[1, 0], spot / np.linalg.norm(spot), atol=2e-4)
    np.testing.assert_allclose(moved[2], probe, atol=1e-14)


def test_merge_is_the_weighted_mean_on_a_canvas(rng: np.random.Generator) -> None:
    corner = np.array([[0, 0], [2, 1], [1, 4], [0, 0], [3, 0]])
    canvas = np.array([0, 0, 0, 1, 1])
    patch, weight = waves(rng, 5, 6, 6), rng.random((5, 6, 6)) + 0.1
    total, norm = np.zeros((2, 12, 12), complex), np.zeros((2, 12, 12))
    for k in range(5):
        window = (canvas[k], slice(corner[k, 0], corner[k, 0] + 6), slice(corner[k, 1], corner[k, 1] + 6))
        total[window] += weight[k] * patch[k]
        norm[window] += weight[k]
    mean = total / np.where(norm > 0, norm, 1)
    expected = np.stack([mean[c, a : a + 6, b : b + 6] for c, (a, b) in zip(canvas, corner, strict=True)])
    placement = Placement(torch.from_numpy(corner), torch.from_numpy(canvas), (2, 12, 12))
    got = merge(planes(patch), torch.from_numpy(weight)[:, None], placement)
    np.testing.assert_allclose(as_complex(got), expected, atol=1e-5)
    covered = coverage(torch.from_numpy(weight)[:, None], placement)
    laid = [norm[c, a : a + 6, b : b + 6] for c, (a, b) in zip(canvas, corner, strict=True)]
    np.testing.assert_allclose(covered[:, 0], laid, rtol=1e-4)


def test_a_frame_alone_or_in_the_dark_keeps_its_patch(rng: np.random.Generator) -> None:
    patch = planes(waves(rng, 2, 6, 6))
    apart = Placement(torch.zeros(2, 2, dtype=torch.int64), torch.tensor([0, 1]), (2, 6, 6))
    weight = torch.ones(2, 1, 6, 6, dtype=torch.float64)
    weight[0, 0, :3] = 0
    torch.testing.assert_close(merge(patch, weight, apart), patch)


def test_deviance_is_the_poisson_likelihood_ratio(rng: np.random.Generator) -> None:
    """Its slope is that of the log-likelihood, its least value is 0, and photon noise alone gives 1."""
    rate = torch.full((64, 1, 16, 16), 400.0, dtype=torch.float64)
    noisy = torch.from_numpy(rng.poisson(400.0, rate.shape).astype(float))
    assert poisson_deviance(noisy, noisy.sqrt()).abs() < 1e-12
    assert poisson_deviance(rate, noisy.sqrt()).item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("loss", ["deviance", "poisson", "mae"])
@pytest.mark.parametrize("side", [8, 15])
def test_unmeasured_pixels_are_in_no_mean(rng: np.random.Generator, loss: str, side: int) -> None:
    """Neither in the loss nor in its floor and its scale: it is that of the measured pixels alone."""
    compute = {**LOSSES, "deviance": poisson_deviance}[loss]
    rate = torch.from_numpy(rng.uniform(1, 900, (4, 1, side, side)))
    amplitude = torch.from_numpy(np.sqrt(rng.poisson(400.0, (4, 1, side, side))))
    cut = side // 2
    half = amplitude.clone()
    half[..., :cut] = -1
    expected = compute(rate[..., cut:], amplitude[..., cut:])
    assert compute(rate, half).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("loss", ["poisson", "mae", "total_variation"])
def test_gradients_are_those_of_finite_differences(rng: np.random.Generator, loss: str) -> None:
    physics, side = exact(Physics(4)), 4
    placement = Placement(torch.tensor([[0, 0], [1, 2]]), torch.tensor([0, 0]), (1, 5, 6))
    probe = planes(waves(rng, 2, side, side))
    amplitude = torch.from_numpy(rng.random((2, 1, side, side)) + 0.5)

    def value(patch: "torch.Tensor", light: "torch.Tensor") -> "torch.Tensor":
        moved = physics.shift(light.expand(2, *light.shape), torch.tensor([[0.2, -0.3], [0.0, 0.4]]))
        agreed = merge(patch, illumination(moved), placement)
        agreed = agreed + physics.residual(agreed, amplitude, moved)
        if loss == "total_variation":
            return total_variation(agreed)
        return LOSSES[loss](physics.counts(agreed, moved), amplitude)

    patch = planes(waves(rng, 2, side, side)).requires_grad_()
    assert torch.autograd.gradcheck(value, (patch, probe.requires_grad_()), eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("symmetry", range(8))
def test_physics_shares_the_symmetries_of_the_square(rng: np.random.Generator, symmetry: int) -> None:
    """A turned scan with a turned probe has the same groups, canvas and prediction, turned."""
    scan = make_scan(rng, n_side=3)
    scan = replace(scan, positions_px=scan.positions_px + rng.uniform(-0.4, 0.4, (9, 2)))
    source = ScanSubset(scan, np.arange(9), scan.probe)
    groups = [(0, np.array([0, 1, 4])), (0, np.array([8, 5, 7, 3]))]
    before, after = (make_batch([source], groups, symmetry=t, with_truth=True) for t in (0, symmetry))
    light = ScanParameters(TrainConfig(), side=16, modes=1, frames=[9])
    physics, results = Physics(16), []
    for batch in (before, after):
        probe = light(batch, physics)
        results.append(physics.counts(merge(batch.truth, illumination(probe), batch.placement), probe))
    # The row that mirroring wraps around is nearly dark, not quite.
    off = (results[1] - transform_planes(results[0], symmetry)).abs().max()
    assert off < 2e-3 * results[0].max()
    torch.testing.assert_close(after.amplitude, transform_planes(before.amplitude, symmetry))
