"""The forward model and its modulus projection, on real planes.

Exit wave of mode m: psi_m = P_m o. Predicted counts: I = sum_m |DFT psi_m|^2 (incoherent modes). A probe is
(M, 2, P, P), or (B, M, 2, P, P) with one probe per frame.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def dft_matrix(side: int) -> Tensor:
    """(2 P, 2 P) float64 orthogonal matrix M: the row [re | im] of a complex line, times M, is its DFT.

    F[q, j] = exp(-2 pi i (q - c)(j - c) / P) / sqrt(P) with c = P // 2: zero frequency and origin both in
    the middle. The transpose is the inverse.
    """
    index = torch.arange(side, dtype=torch.float64) - side // 2
    angle = -2 * math.pi * torch.outer(index, index) / side
    real, imag = torch.cos(angle) / math.sqrt(side), torch.sin(angle) / math.sqrt(side)
    return torch.cat([torch.cat([real, imag], 1), torch.cat([-imag, real], 1)], 0)


class Fourier(nn.Module):
    """Far field and back, (..., 2, P, P) planes of real and imaginary parts, zero frequency in the middle."""

    matrix: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.register_buffer("matrix", dft_matrix(side).float(), persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        """The DFT of a wave."""
        return _transform(planes, self.matrix)

    def inverse(self, planes: Tensor) -> Tensor:
        """The wave of a DFT."""
        return _transform(planes, self.matrix.t())


def _transform(planes: Tensor, matrix: Tensor) -> Tensor:
    side = planes.shape[-1]
    lead = planes.shape[:-3]
    flat = planes.reshape(-1, 2, side, side)
    for _ in range(2):
        lines = flat.permute(0, 2, 1, 3).reshape(-1, 2 * side) @ matrix
        flat = lines.reshape(-1, side, 2, side).permute(0, 2, 3, 1)
    return flat.reshape(*lead, 2, side, side)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Complex product of planes (..., 2, P, P)."""
    ar, ai = a.unbind(-3)
    br, bi = b.unbind(-3)
    return torch.stack([ar * br - ai * bi, ar * bi + ai * br], -3)


def multiply_conj(a: Tensor, b: Tensor) -> Tensor:
    """Complex product of `a` with the conjugate of `b`, planes (..., 2, P, P)."""
    ar, ai = a.unbind(-3)
    br, bi = b.unbind(-3)
    return torch.stack([ar * br + ai * bi, ai * br - ar * bi], -3)


def square(planes: Tensor) -> Tensor:
    """|z|^2 of planes (..., 2, P, P), as (..., P, P)."""
    return planes.square().sum(-3)


REGULARISATION = 0.05
"""Of the division by the probe, relative to the brightest pixel of its intensity."""
DARK = 1e-6
"""Counts added under the square root of the modulus, relative to the mean count of a pixel."""


class Physics(nn.Module):
    """What happens between the probe and the detector, for patches of side P."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.fourier = Fourier(side)

    def counts(self, patch: Tensor, probe: Tensor) -> Tensor:
        """Predicted counts (B, 1, P, P) of patches (B, 2, P, P)."""
        return square(self.far_field(patch, probe)).sum(1, keepdim=True)

    def far_field(self, patch: Tensor, probe: Tensor) -> Tensor:
        """(B, M, 2, P, P): the wave of every mode on the detector."""
        field: Tensor = self.fourier(multiply(patch.unsqueeze(1), probe))
        return field

    def residual(self, patch: Tensor, amplitude: Tensor, probe: Tensor) -> Tensor:
        """The step (B, 2, P, P) that the measured modulus asks of patches (B, 2, P, P) or (1, 2, P, P).

        The far field keeps its phase and takes the measured modulus `amplitude` (B, 1, P, P), and stays as it
        is where that is negative, which is unmeasured; what changes comes back through the conjugate probe:
        sum_m conj(P_m) IDFT(F_m (A / |F| - 1)) divided by sum_m |P_m|^2 + 0.05 max. This is the modulus
        projection of the error-reduction family (Fienup 1982; Faulkner and Rodenburg 2004 for the division by
        the probe).
        """
        field = self.far_field(patch, probe)
        intensity = illumination(probe)
        dark = DARK * intensity.mean((-2, -1), keepdim=True)
        predicted = square(field).sum(1, keepdim=True)
        gain = torch.where(amplitude < 0, 0.0, amplitude * torch.rsqrt(predicted + dark) - 1)
        wave = self.fourier.inverse(field * gain.unsqueeze(2))
        step = multiply_conj(wave, probe).sum(1)
        return step / (intensity + REGULARISATION * intensity.amax((-2, -1), keepdim=True))

    def shift(self, probe: Tensor, fraction_px: Tensor) -> Tensor:
        """Probes (B, M, 2, P, P) moved by fractions (B, 2) of a pixel (y, x).

        By the Fourier shift theorem: band-limited, exact for a probe that is dark at its border.
        """
        side = probe.shape[-1]
        frequency = torch.arange(side, device=probe.device, dtype=probe.dtype) - side // 2
        along_y = fraction_px[:, 0, None, None] * frequency[:, None]
        along_x = fraction_px[:, 1, None, None] * frequency[None, :]
        angle = -2 * math.pi / side * (along_y + along_x)
        ramp = torch.stack([torch.cos(angle), torch.sin(angle)], 1).unsqueeze(1)
        moved: Tensor = self.fourier.inverse(multiply(self.fourier(probe), ramp))
        return moved


def illumination(probe: Tensor) -> Tensor:
    """Summed intensity of the modes, (1, P, P) or (B, 1, P, P): what the patch's pixels received."""
    return square(probe).sum(-3, keepdim=True)
