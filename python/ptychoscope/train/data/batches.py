"""Batches of overlap groups, made from scans when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ptychoscope.errors import ScanError
from ptychoscope.preprocess.complex_planes import to_planes
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.preprocess.whole_and_fraction import whole_and_fraction
from ptychoscope.scan import Scan
from ptychoscope.train.data.symmetry import transform_pixels, transform_planes


class Placement(NamedTuple):
    """Where the patches of a batch lie: frames that share a canvas are merged."""

    corner_px: Tensor
    """(B, 2) int64, (y, x) of index [0, 0] of each patch on its canvas."""
    canvas: Tensor
    """(B,) int64, the canvas of each frame."""
    shape: tuple[int, int, int]
    """Number of canvases, height and width in pixels."""


class Batch(NamedTuple):
    """Frames of one step."""

    amplitude: Tensor
    """(B, 1, P, P) float32, square root of the counts, negative where unmeasured."""
    fraction_px: Tensor
    """(B, 2) float32, position minus the whole pixel its patch is centred on."""
    scan: Tensor
    """(B,) int64, which scan, and so which probe."""
    frame: Tensor
    """(B,) int64, index in its scan."""
    placement: Placement
    probes: Tensor | None = None
    """(S, M, 2, P, P) float32 of scans that bring their own; None where the module knows the probes."""
    truth: Tensor | None = None
    """(B, 2, P, P) float32, the true patches of a supervised training."""
    symmetry: int = 0
    """Symmetry that everything here has undergone but the probes and fractions; see `symmetry`."""
    held_out: Tensor | None = None
    """As `amplitude`, of the photons that the network does not see; None if there are none."""
    held_out_photons: float = 0.0
    """Part of the photons that are in `held_out`."""
    unmerged: bool = False
    """The passes see frames on their own; the merge comes after the last one."""


class ScanSubset(NamedTuple):
    """Frames that may be drawn: a scan and the indices in it."""

    scan: Scan
    chosen: NDArray[np.intp]
    probe: NDArray[np.complex64] | None = None
    """(m, P, P), to go with the batch; None where the module knows the scan's probe."""


Group = tuple[int, NDArray[np.intp]]
"""A source and the frames (k,) of its scan that are merged."""


def make_batch(
    sources: Sequence[ScanSubset],
    groups: Sequence[Group],
    *,
    with_truth: bool = False,
    symmetry: int = 0,
    unmerged: bool = False,
    held_out_photons: float = 0.0,
    rngs: Sequence[np.random.Generator] = (),
) -> Batch:
    """A batch from groups of `sources`; raises `ScanError` when the truth is wanted and not there.

    `rngs`, one a group, draw the held-out photons. A group may be without frames.
    """
    amplitude, corner, fraction = [], [], []
    extent = np.zeros(2, dtype=np.int64)
    for source, frames in groups:
        scan = sources[source].scan
        whole, rest = whole_and_fraction(scan.positions_px[frames])
        whole = transform_pixels(whole, symmetry)
        if len(whole):
            whole -= whole.min(axis=0)
            extent = np.maximum(extent, whole.max(axis=0))
        corner.append(whole)
        fraction.append(rest)
        amplitude.append(measured_amplitudes(scan, frames))
    side = amplitude[0].shape[-1]
    sizes = [len(frames) for _, frames in groups]
    seen, held_out = np.concatenate(amplitude)[:, None], None
    if held_out_photons > 0:
        drawn = [split_photons(a, held_out_photons, r) for a, r in zip(amplitude, rngs, strict=True)]
        seen, held_out = (np.concatenate(part)[:, None] for part in zip(*drawn, strict=True))
    placement = Placement(
        corner_px=torch.from_numpy(np.concatenate(corner)),
        canvas=torch.from_numpy(np.repeat(np.arange(len(groups)), sizes)),
        shape=(len(groups), int(extent[0]) + side, int(extent[1]) + side),
    )
    return Batch(
        amplitude=_transformed(seen, symmetry),
        fraction_px=torch.from_numpy(np.concatenate(fraction)),
        scan=torch.from_numpy(np.repeat([source for source, _ in groups], sizes)),
        frame=torch.from_numpy(np.concatenate([frames for _, frames in groups])),
        placement=placement,
        probes=_probes([source.probe for source in sources if source.probe is not None]),
        truth=_transformed(_truth(sources, groups), symmetry) if with_truth else None,
        symmetry=symmetry,
        unmerged=unmerged,
        held_out=None if held_out is None else _transformed(held_out, symmetry),
        held_out_photons=held_out_photons,
    )


def split_photons(
    amplitude: NDArray[np.float32], part: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Square roots of what is left of the counts, and of the `part` of the photons that is drawn from them.

    Unmeasured pixels stay so in both.

    The draw is binomial: both are Poisson distributed and independent of each other when their sum is, so
    that a prediction from the first can be compared with the second, and copies none of its noise.
    """
    counts = np.rint(np.square(amplitude, dtype=np.float64)).astype(np.int64)
    drawn = rng.binomial(counts, part)
    measured = amplitude >= 0
    halves = (np.where(measured, np.sqrt(k, dtype=np.float32), amplitude) for k in (counts - drawn, drawn))
    return next(halves), next(halves)


def _transformed(planes: NDArray[np.float32], symmetry: int) -> Tensor:
    return transform_planes(torch.from_numpy(planes), symmetry).contiguous()


def _probes(stacks: Sequence[NDArray[np.complex64]]) -> Tensor | None:
    """(S, M, 2, P, P) with dark modes where a probe has fewer than another."""
    if not stacks:
        return None
    filled = np.zeros((len(stacks), max(map(len, stacks)), 2, *stacks[0].shape[1:]), dtype=np.float32)
    for slot, stack in zip(filled, stacks, strict=True):
        slot[: len(stack)] = to_planes(stack)
    return torch.from_numpy(filled)


def _truth(sources: Sequence[ScanSubset], groups: Sequence[Group]) -> NDArray[np.float32]:
    side = sources[0].scan.patch_px
    patches = [np.empty((0, 2, side, side), np.float32)]
    for source, frames in groups:
        scan = sources[source].scan
        if scan.object is None:
            raise ScanError("a supervised training needs the true object: give a scan that holds it")
        whole, _ = whole_and_fraction(scan.positions_px[frames])
        for y, x in whole - scan.patch_px // 2:
            patch = scan.object[max(y, 0) : y + scan.patch_px, max(x, 0) : x + scan.patch_px]
            if patch.shape != (scan.patch_px, scan.patch_px):
                raise ScanError(f"the patch at (y, x) = ({y}, {x}) px leaves the object {scan.object.shape}")
            patches.append(to_planes(patch)[None])
    return np.concatenate(patches)
