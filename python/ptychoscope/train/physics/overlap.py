"""Merge overlapping patches on a canvas and cut them out again, so that neighbours must agree."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ptychoscope.train.data.batches import Placement


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

    Parameters
    ----------
    patches
        (B, 2, P, P).
    weight
        (B, 1, P, P) or (1, P, P), never negative; usually the illumination.
    placement
        Where they lie; a frame alone on its canvas comes back as it was.

    Returns
    -------
        (B, 2, P, P); a pixel that no probe reaches keeps the patch's own value.
    """
    channels = patches.shape[1]
    index = pixel_index(placement, patches.shape[-1])
    weight = _floored(weight, len(patches))
    total = lay(torch.cat([patches * weight, weight], 1), index, math.prod(placement.shape))
    mean = total[:channels] / total[channels:].clamp_min(torch.finfo(total.dtype).tiny)
    return _cut(mean, index, patches.shape[-1])


def coverage(weight: Tensor, placement: Placement) -> Tensor:
    """Summed weight (B, 1, P, P) of all frames that `merge` takes together; arguments as there."""
    frames, side = len(placement.corner_px), weight.shape[-1]
    index = pixel_index(placement, side)
    return _cut(lay(_floored(weight, frames), index, math.prod(placement.shape)), index, side)


def _floored(weight: Tensor, frames: int) -> Tensor:
    """A floor keeps the quotient finite where every probe is dark; it is far below the dimmest pixel of a
    probe."""
    floor = 1e-6 * weight.amax((-2, -1), keepdim=True)
    return (weight + floor).expand(frames, 1, *weight.shape[-2:])


def _cut(canvas: Tensor, index: Tensor, side: int) -> Tensor:
    cut = canvas.index_select(1, index.reshape(-1))
    return cut.reshape(len(canvas), len(index), side, side).transpose(0, 1)
