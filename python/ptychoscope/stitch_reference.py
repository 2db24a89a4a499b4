"""Stitching as its definition: float64, pure torch, written for reading. The C++ and CUDA kernels are checked
against it; nothing else should use it.

At canvas pixel r, patch i with its corner at c_i = position_i - P // 2 predicts

    g_i(r) = sum_j kernel(r - c_i - j) patch_i[j],        j over the pixels of the patch, kernel separable,

with the weight w_i(r), the window interpolated bilinearly at r - c_i (nearest: nearest; no window: 1). It
predicts nothing where a pixel j with a kernel value other than zero lies outside the patch. Then

    denominator = sum_i w_i        numerator = sum_i w_i g_i        image = numerator / denominator
    spread = sqrt(sum_i w_i |g_i - image|^2 / denominator)

and all are 0 where the denominator is 0. Patches and positions that are not finite take no part.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Interpolation = Literal["nearest", "bilinear", "cubic", "lanczos3"]

POSITION_STEP_PX = 2.0**-24
"""Positions are rounded to this, so that one that is whole but for rounding is whole."""


class Stitched(NamedTuple):
    """What `stitch` returns, each (H, W)."""

    numerator: Tensor
    """complex128"""
    denominator: Tensor
    """float64"""
    image: Tensor
    """complex128"""
    spread: Tensor
    """float64"""

    @property
    def coverage(self) -> Tensor:
        """The summed weights: the denominator."""
        return self.denominator


def stitch(
    patches: Tensor,
    positions: Tensor,
    shape: tuple[int, int],
    window: Tensor | None = None,
    interpolation: Interpolation = "cubic",
) -> Stitched:
    """Stitch `patches` (n, P, Q), centred on `positions` (n, 2) (y, x) in pixels, on a canvas (H, W)."""
    numerator = torch.zeros(shape, dtype=torch.complex128)
    denominator = torch.zeros(shape, dtype=torch.float64)
    for value, weight in predictions(patches, positions, shape, window, interpolation):
        numerator += weight * value
        denominator += weight
    image = divide(numerator, denominator)

    moment = torch.zeros(shape, dtype=torch.float64)
    for value, weight in predictions(patches, positions, shape, window, interpolation):
        moment += weight * (value - image).abs() ** 2
    return Stitched(numerator, denominator, image, divide(moment, denominator).sqrt())


def divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, 0 where the denominator is 0."""
    return torch.where(denominator > 0, numerator / denominator.clamp(min=1e-300), 0)


def predictions(
    patches: Tensor,
    positions: Tensor,
    shape: tuple[int, int],
    window: Tensor | None,
    interpolation: Interpolation,
) -> Iterator[tuple[Tensor, Tensor]]:
    """For every patch, what it predicts on the whole canvas and with which weight."""
    height, width = patches.shape[1:]
    window = torch.ones(height, width) if window is None else window
    window_interpolation: Interpolation = "nearest" if interpolation == "nearest" else "bilinear"
    for patch, position in zip(patches, positions, strict=True):
        if not (patch.isfinite().all() and position.isfinite().all()):
            continue
        y, x = float(position[0]) - height // 2, float(position[1]) - width // 2
        by_row, row_reached = interpolate(y, height, shape[0], interpolation)
        by_column, column_reached = interpolate(x, width, shape[1], interpolation)
        window_by_row, _ = interpolate(y, height, shape[0], window_interpolation)
        window_by_column, _ = interpolate(x, width, shape[1], window_interpolation)

        value = by_row.to(torch.complex128) @ patch.to(torch.complex128) @ by_column.T.to(torch.complex128)
        weight = window_by_row @ window.to(torch.float64) @ window_by_column.T
        yield value, weight * (row_reached[:, None] & column_reached[None, :])


def interpolate(corner: float, size: int, length: int, interpolation: Interpolation) -> tuple[Tensor, Tensor]:
    """One axis: the matrix (length, size) from patch to canvas, and which pixels (length,) are reached."""
    corner_px = torch.round(torch.tensor(corner, dtype=torch.float64) / POSITION_STEP_PX) * POSITION_STEP_PX
    if interpolation == "nearest":
        corner_px = torch.floor(corner_px + 0.5)
    around = 3  # pixels by which the widest kernel reaches beyond a patch
    canvas_pixel = torch.arange(length, dtype=torch.float64)
    patch_pixel = torch.arange(-around, size + around, dtype=torch.float64)
    values = kernel(canvas_pixel[:, None] - corner_px - patch_pixel[None, :], interpolation)
    values = values / values.sum(dim=1, keepdim=True).where(values.any(dim=1, keepdim=True), 1.0)

    beyond = (patch_pixel < 0) | (patch_pixel >= size)
    reached = values.any(dim=1) & ~values[:, beyond].any(dim=1)
    return values[:, ~beyond], reached


def kernel(x: Tensor, interpolation: Interpolation) -> Tensor:
    """The interpolation kernel at distances x in pixels: 1 at 0, 0 at all other whole numbers."""
    d = x.abs()
    match interpolation:
        case "nearest":
            k = torch.zeros_like(d)
        case "bilinear":
            k = (1 - d).clamp(min=0)
        case "cubic":  # Catmull and Rom (1974)
            k = torch.where(d < 1, (1.5 * d - 2.5) * d**2 + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2)
            k = k.where(d < 2, 0)
        case "lanczos3":
            k = (torch.sinc(d) * torch.sinc(d / 3)).where(d < 3, 0)
    return torch.where(d == d.round(), (d == 0).to(k.dtype), k)
