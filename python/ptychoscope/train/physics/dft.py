"""The centred, orthonormal DFT of real planes as two matrix products, so that ONNX needs no complex type."""

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
