"""Losses: measured against predicted diffraction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from ptychoscope.option_literals import Loss
from ptychoscope.train.physics.forward_model import multiply_conj, square

Total: TypeAlias = Callable[[Tensor], Tensor]
"""The sum of a tensor over the processes that share a batch; a loss is that of the whole batch on each."""


def own(value: Tensor) -> Tensor:
    """The total where the batch is not shared."""
    return value


_FLOOR = 1e-3
"""Added to measured and predicted counts alike, relative to the mean count of a pixel: bounds the gradient
of the logarithm where the detector is dark and leaves the minimum where it is."""


def poisson_deviance(predicted: Tensor, amplitude: Tensor, total: Total = own) -> Tensor:
    """Twice the Poisson log-likelihood ratio of measured to predicted counts, mean over the measured pixels.

    2 (l - k + k log(k / l)) for k counts where l were predicted: never negative, 0 for a perfect
    prediction of the counts, about 1 where only photon noise is left.

    Parameters
    ----------
    predicted
        (B, 1, P, P) counts.
    amplitude
        (B, 1, P, P) square root of the measured counts, negative where unmeasured.
    total
        Sums over the processes that share the batch.
    """
    measured = amplitude.clamp_min(0).square()
    floor = _FLOOR * _mean(measured, amplitude, total).clamp_min(torch.finfo(measured.dtype).tiny)
    k, rate = measured + floor, predicted + floor
    deviance = 2 * (rate - k + k * torch.log(k / rate))
    return _mean(deviance, amplitude, total)


def amplitude_mae(predicted: Tensor, amplitude: Tensor, total: Total = own) -> Tensor:
    """Mean absolute difference of the modulus, relative to the mean measured modulus; arguments as above."""
    tiny = torch.finfo(predicted.dtype).eps * _mean(amplitude.square(), amplitude, total).clamp_min(1e-30)
    difference = (torch.sqrt(predicted + tiny) - amplitude).abs()
    mean = _mean(amplitude, amplitude, total).clamp_min(1e-30)
    return _mean(difference, amplitude, total) / mean


def poisson(predicted: Tensor, amplitude: Tensor, total: Total = own) -> Tensor:
    """The Poisson deviance relative to the mean count, so that its scale does not depend on the dose."""
    mean = _mean(amplitude.square(), amplitude, total).clamp_min(1e-30)
    return poisson_deviance(predicted, amplitude, total) / (2 * mean)


LOSSES: dict[Loss, Callable[[Tensor, Tensor, Total], Tensor]] = {"poisson": poisson, "mae": amplitude_mae}


def patch_distance(patches: Tensor, truth: Tensor, weight: Tensor, total: Total = own) -> Tensor:
    """Squared distance of patches (B, 2, P, P) to the true ones, each turned to its own best global phase.

    sum w |o e^{ia} - t|^2 / sum w |t|^2 with the phase a that makes it least; w (B, 1, P, P).
    """
    overlap = (multiply_conj(patches, truth) * weight).sum((-2, -1)).square().sum(-1)
    sizes = ((square(patches) + square(truth)) * weight[:, 0]).sum((-2, -1))
    scale = (square(truth) * weight[:, 0]).sum((-2, -1))
    return _mean_of_all((sizes - 2 * torch.sqrt(overlap + 1e-12 * scale.square())) / scale, total)


def total_variation(patches: Tensor, total: Total = own) -> Tensor:
    """Mean modulus of the difference of neighbouring pixels, patches (B, 2, P, P) (isotropic, smoothed)."""
    dy = torch.diff(patches, dim=-2)[..., :, :-1]
    dx = torch.diff(patches, dim=-1)[..., :-1, :]
    return _mean_of_all(torch.sqrt(square(dy) + square(dx) + 1e-8), total)


def _mean(values: Tensor, amplitude: Tensor, total: Total) -> Tensor:
    """Mean of `values` over the measured pixels, those whose amplitude is not negative."""
    measured = (amplitude >= 0).to(values.dtype)
    summed, number = total(torch.stack([(values * measured).sum(), measured.sum()]))
    mean: Tensor = summed / number.clamp_min(1)
    return mean


def _mean_of_all(values: Tensor, total: Total) -> Tensor:
    summed, number = total(torch.stack([values.sum(), values.new_tensor(float(values.numel()))]))
    mean: Tensor = summed / number
    return mean
