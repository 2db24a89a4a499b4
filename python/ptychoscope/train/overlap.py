"""Merge overlapping patches on a canvas and cut them out again, so that neighbours must agree."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Placement(NamedTuple):
    """Where the patches of a batch lie: frames that share a canvas are merged."""

    corner_px: Tensor
    """(B, 2) int64, (y, x) of index [0, 0] of each patch on its canvas."""
    canvas: Tensor
    """(B,) int64, the canvas of each frame."""
    shape: tuple[int, int, int]
    """Number of canvases, height and width in pixels."""


def pixel_index(placement: Placement, side: int) -> Tensor:
    """(B, P * P) index of every patch pixel in the canvases laid out one after the other."""
    _, height, width = placement.shape
    corner = placement.corner_px
    first = (placement.canvas * height + corner[:, 0]) * width + corner[:, 1]
    span = torch.arange(side, device=corner.device)
    return first[:, None] + (span[:, None] * width + span[None, :]).reshape(1, -1)


def lay(planes: Tensor, index: Tensor, size: int) -> Tensor:
    """Sum of patches (B, C, P, P) at `index` (B, P * P), as (C, size)."""
    channels = planes.shape[1]
    canvas = planes.new_zeros(channels, size)
    return canvas.index_add(1, index.reshape(-1), planes.transpose(0, 1).reshape(channels, -1))


def merge(patches: Tensor, weight: Tensor, placement: Placement) -> Tensor:
    """Weighted mean of overlapping patches, re-extracted.

    Args:
        patches: (B, 2, P, P).
        weight: (B, 1, P, P) or (1, P, P), never negative; usually the illumination.
        placement: Where they lie; a frame alone on its canvas comes back as it was.

    Returns:
        (B, 2, P, P); a pixel that no frame lit keeps the patch's own value.
    """
    batch, channels, side, _ = patches.shape
    index = pixel_index(placement, side)
    size = math.prod(placement.shape)
    weight = weight.expand(batch, 1, side, side)
    # A floor keeps the quotient finite where every probe is dark; it is far below the dimmest lit pixel.
    weight = weight + 1e-6 * weight.amax()
    total = lay(torch.cat([patches * weight, weight], 1), index, size)
    mean = total[:channels] / total[channels:].clamp_min(torch.finfo(total.dtype).tiny)
    cut = mean.index_select(1, index.reshape(-1))
    return cut.reshape(channels, batch, side, side).transpose(0, 1)
