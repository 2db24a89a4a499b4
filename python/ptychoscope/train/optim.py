"""One optimizer for all parameters: Muon for convolution kernels, AdamW for the rest, and its schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration towards the nearest orthogonal matrix (Jordan et al., Muon, 2024)."""
_MUON_GAIN = 2.5
_WARM_UP, _DECAY = 0.08, 0.70


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """The matrix (r, c) with its singular values brought near 1, by Newton-Schulz iterations."""
    a, b, c = _NEWTON_SCHULZ
    x = matrix / matrix.norm().clamp_min(1e-7)
    flip = x.shape[0] > x.shape[1]
    x = x.t() if flip else x
    for _ in range(steps):
        gram = x @ x.t()
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.t() if flip else x
    return result


class MuonAdamW(torch.optim.Optimizer):
    """Muon (momentum .95, Nesterov) for groups with `muon=True`, AdamW (.9, .999) for the others.

    Muon's step is orthogonal, scaled by 0.2 sqrt(max(r, c)) to the size of an AdamW step (Liu et al., 2025).
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(list(groups), {"lr": lr, "weight_decay": weight_decay, "muon": False})
        for group in self.param_groups:
            group["base_lr"] = group["lr"]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            update = _muon if group["muon"] else _adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.sub_(update(self.state[parameter], parameter.grad) * group["lr"])
        return loss


def _muon(state: dict[str, Any], grad: Tensor) -> Tensor:
    momentum = state.setdefault("momentum", torch.zeros_like(grad))
    momentum.lerp_(grad, 0.05)
    direction = grad.lerp(momentum, 0.95).flatten(1)
    step = orthogonalise(direction) * (0.2 * math.sqrt(max(direction.shape)))
    return step.view_as(grad)


def _adam(state: dict[str, Any], grad: Tensor) -> Tensor:
    if not state:
        state.update(count=0, mean=torch.zeros_like(grad), square=torch.zeros_like(grad))
    state["count"] += 1
    state["mean"].lerp_(grad, 0.1)
    state["square"].lerp_(grad.square(), 0.001)
    mean = state["mean"] / (1 - 0.9 ** state["count"])
    variance = state["square"] / (1 - 0.999 ** state["count"])
    step: Tensor = mean / (variance.sqrt() + 1e-8)
    return step


def make_optimizer(
    network: nn.Module, extra: list[tuple[nn.Parameter, float]], *, kind: str, lr: float, weight_decay: float
) -> MuonAdamW:
    """The optimizer of a network's parameters and of `extra` parameters with their own learning rates."""
    kernels = [p for p in network.parameters() if p.requires_grad and p.ndim == 4 and kind == "muon"]
    chosen = {id(p) for p in kernels}
    others = [p for p in network.parameters() if p.requires_grad and id(p) not in chosen]
    groups: list[dict[str, Any]] = []
    if kernels:
        groups.append({"params": kernels, "muon": True, "lr": _MUON_GAIN * lr})
    if others:
        groups.append({"params": others})
    groups += [{"params": [p], "lr": rate, "weight_decay": 0.0} for p, rate in extra]
    return MuonAdamW(groups, lr=lr, weight_decay=weight_decay)


def one_cycle(progress: float) -> float:
    """Learning rate as a fraction of the largest, at `progress` 0..1 of the budget.

    Linear warm-up over 8 %, constant, linear decay to 1 % over the last 70 %.
    """
    if progress < _WARM_UP:
        return max(progress / _WARM_UP, 0.05)
    if progress < 1 - _DECAY:
        return 1.0
    return max((1 - progress) / _DECAY, 0.01)
