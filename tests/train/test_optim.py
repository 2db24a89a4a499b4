"""The optimizer and its schedule against their definitions."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ptychoscope.train.optim import make_optimizer, one_cycle, orthogonalise  # noqa: E402


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16)])
def test_orthogonalised_matrices_keep_directions_and_lose_scale(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    left, _, right = np.linalg.svd(matrix.numpy(), full_matrices=False)
    values = np.diag(left.T @ orthogonalise(matrix).numpy() @ right.T)
    assert (values > 0.6).all()
    assert (values < 1.3).all()
    torch.testing.assert_close(orthogonalise(matrix * 1e4), orthogonalise(matrix))


def test_adamw_is_torchs(rng: np.random.Generator) -> None:
    layers = [torch.nn.Linear(5, 3, dtype=torch.float64) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    ours = make_optimizer(layers[0], [], kind="adamw", lr=1e-2, weight_decay=0.1)
    theirs = torch.optim.AdamW(layers[1].parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(20):
        data = torch.from_numpy(rng.normal(size=(4, 5)))
        for layer, optimizer in zip(layers, (ours, theirs), strict=True):
            optimizer.zero_grad()
            layer(data).square().sum().backward()
            optimizer.step()
    for a, b in zip(layers[0].parameters(), layers[1].parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_kernels_go_to_muon_and_the_rest_to_adamw() -> None:
    network = torch.nn.Conv2d(3, 4, 3)
    groups = make_optimizer(network, [], kind="muon", lr=1e-3, weight_decay=0.0).param_groups
    assert [(len(g["params"]), g["muon"], g["lr"]) for g in groups] == [(1, True, 2.5e-3), (1, False, 1e-3)]


def test_one_cycle_warms_up_holds_and_decays() -> None:
    curve = np.array([one_cycle(p) for p in np.linspace(0, 1, 1001)])
    assert curve[0] == 0.05
    assert (curve[80:300] == 1).all()
    assert (np.diff(curve[300:]) <= 0).all()
    assert curve[650] == pytest.approx(0.5, abs=1e-2)
    assert curve[-1] == 0.01
