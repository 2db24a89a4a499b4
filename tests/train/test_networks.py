"""Every network of the registry: shapes, what it starts from, what it may depend on."""

import numpy as np
import pytest

from optics import make_scan
from ptychoscope.errors import ConfigError

torch = pytest.importorskip("torch")

from ptychoscope.train.config import TrainConfig  # noqa: E402
from ptychoscope.train.networks import NETWORKS, build  # noqa: E402
from ptychoscope.train.networks.base import Neighbours, Network, copy_weights  # noqa: E402
from ptychoscope.train.networks.unrolled import uncertainty  # noqa: E402
from ptychoscope.train.physics.forward_model import illumination  # noqa: E402


def network(name: str = "unrolled", side: int = 16, **options: object) -> Network:
    torch.manual_seed(1)
    built = build(TrainConfig.from_dict({"network": name, "width": 4, **options}), side)
    for parameter in built.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return built.eval()


def inputs(rng: np.random.Generator, side: int = 16) -> tuple["torch.Tensor", "torch.Tensor"]:
    scan = make_scan(rng, n_side=2, side=side)
    probe = torch.from_numpy(np.stack([scan.probe.real, scan.probe.imag], 1))
    return torch.from_numpy(scan.amplitude()[:, None]), probe


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("side", [16, 32])
@pytest.mark.parametrize("head", ["real_imag", "amplitude_phase"])
def test_patches_are_finite_planes_and_frames_independent(
    rng: np.random.Generator, name: str, side: int, head: str
) -> None:
    amplitude, probe = inputs(rng, side)
    built = network(name, side, head=head)
    with torch.no_grad():
        patches = built(amplitude, probe)
        unmerged = torch.cat([built(frame[None], probe) for frame in amplitude])
        per_frame = built(amplitude, probe.expand(4, *probe.shape))
    assert patches.shape == (4, 2, side, side)
    assert patches.isfinite().all()
    torch.testing.assert_close(patches, unmerged, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(patches, per_frame, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "matters"), [("fast", False), ("pinn_cnn", False), ("unrolled", True)])
def test_only_passes_that_doubt_are_told_how_many_photons_there_were(
    rng: np.random.Generator, name: str, matters: bool
) -> None:
    amplitude, probe = inputs(rng)
    built = network(name)
    with torch.no_grad():
        bright, dim = built(amplitude, probe), built(amplitude / 30, probe / 30)
    assert torch.allclose(bright, dim, rtol=1e-3, atol=1e-3) is not matters


@pytest.mark.parametrize("name", ["fast", "unrolled"])
def test_an_untrained_network_takes_half_steps_along_the_residual(
    rng: np.random.Generator, name: str
) -> None:
    amplitude, probe = inputs(rng)
    built = build(TrainConfig(network=name, width=4), 16)
    patch = built.empty.expand(4, 2, 16, 16)
    for _ in range(built.count):
        patch = patch + 0.5 * built.physics.residual(patch, amplitude, probe)
    torch.testing.assert_close(built(amplitude, probe), patch)


@pytest.mark.parametrize(("passes", "weights"), [(1, 1), (2, 2), (3, 3), (4, 3), (7, 3)])
def test_middle_passes_share_their_weights(rng: np.random.Generator, passes: int, weights: int) -> None:
    built = network(passes=passes)
    assert built.count == len(built.passes) == passes
    assert len({id(step) for step in built.passes}) == weights
    again = network(passes=passes)
    again.load_state_dict(built.state_dict())
    amplitude, probe = inputs(rng)
    torch.testing.assert_close(again(amplitude, probe), built(amplitude, probe))


def test_the_kept_network_repeats_the_middle_pass(rng: np.random.Generator) -> None:
    config = TrainConfig(network="unrolled", width=4)
    learner, kept = build(config, 16), build(config, 16, for_inference=True)
    assert (learner.count, kept.count) == (4, 6)
    for parameter in learner.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    copy_weights(learner, kept)
    amplitude, probe = inputs(rng)
    patch, light = learner.empty, illumination(probe)[None]
    for k in (0, 1, 1, 1, 1, 3):
        patch = learner.step(k, patch, amplitude, probe, light)
    torch.testing.assert_close(kept(amplitude, probe), patch)
    assert build(TrainConfig(network="unrolled", run_passes=9), 16, for_inference=True).count == 9
    assert build(TrainConfig(network="unrolled", passes=2), 16, for_inference=True).count == 2
    with pytest.raises(ConfigError, match="middle one"):
        build(TrainConfig(network="unrolled", passes=2, run_passes=3), 16)
    with pytest.raises(ConfigError, match="another one"):
        copy_weights(learner, build(TrainConfig(network="unrolled", width=8), 16))


def test_a_merge_comes_between_the_passes_and_not_after_the_last(rng: np.random.Generator) -> None:
    amplitude, probe = inputs(rng)
    seen = []

    def merge(patches: "torch.Tensor") -> "torch.Tensor":
        seen.append(patches)
        return patches.mean(0, keepdim=True).expand_as(patches)

    built = network(passes=3)
    for parameter in built.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    coverage = 30 * torch.rand_like(amplitude)
    merged = built(amplitude, probe, Neighbours(merge, coverage))
    assert len(seen) == 2
    assert not torch.equal(merged[0], merged[1])
    torch.testing.assert_close(merged, built.step(2, merge(seen[1]), amplitude, probe, coverage))
    torch.testing.assert_close(
        seen[0], built.step(0, built.empty, amplitude, probe, illumination(probe)[None])
    )
    assert not torch.allclose(merged, built.step(2, merge(seen[1]), amplitude, probe, 4 * coverage))


def test_doubt_falls_with_the_photons() -> None:
    assert uncertainty(torch.tensor([0.0, 1.0, 15.0, 255.0, 1e9])).tolist() == [1, 7 / 8, 1 / 2, 0, 0]


@pytest.mark.parametrize("reads", ["amplitude", "backprojection"])
def test_inputs_are_a_choice(rng: np.random.Generator, reads: str) -> None:
    amplitude, probe = inputs(rng)
    for name in ("fast", "pinn_cnn"):
        assert network(name, input=reads)(amplitude, probe).shape == (4, 2, 16, 16)


@pytest.mark.parametrize(
    ("options", "side", "message"),
    [
        ({"network": "resnet"}, 16, "resnet"),
        ({"network": "fast"}, 24, "24 px"),
        ({"network": "unrolled", "input": "amplitude"}, 16, "residual"),
    ],
)
def test_what_cannot_be_built_is_said(options: dict[str, str], side: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(TrainConfig.from_dict(options), side)
