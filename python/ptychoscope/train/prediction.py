"""Run a trained module on a scan with torch: patches, and the object they make together.

The runtime does this without torch; here it serves training's own reports and the one-call workflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ptychoscope.errors import ScanError
from ptychoscope.preprocess.complex_planes import from_planes, to_planes
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.preprocess.whole_and_fraction import whole_and_fraction
from ptychoscope.scan import Scan
from ptychoscope.train.data.batches import Placement
from ptychoscope.train.module import PtychoModule
from ptychoscope.train.networks.base import Network, Projection
from ptychoscope.train.physics.forward_model import illumination, square
from ptychoscope.train.physics.overlap import lay, pixel_index


@dataclass(frozen=True)
class Prediction:
    """What a network sees in a scan."""

    patches: NDArray[np.complex64]
    """(n, P, P), each centred at index P // 2 on the whole pixel nearest to its position."""
    object: NDArray[np.complex64]
    """(H, W) weighted mean of the patches, 0 where nothing was seen."""
    coverage: NDArray[np.float32]
    """(H, W) summed illumination in counts."""
    spread: NDArray[np.float32]
    """(H, W) weighted standard deviation of the patches that overlap."""
    origin_px: tuple[int, int]
    """Object pixel (y, x) of index [0, 0]."""


def predict(
    module: PtychoModule,
    scan: Scan,
    *,
    probe: NDArray[np.complex64] | None = None,
    merge: bool = True,
    batch: int = 64,
) -> Prediction:
    """Patches of every frame of `scan` and their merge.

    Parameters
    ----------
    module
        Trained, in float32 on its device.
    scan
        Frames with the side that the module was trained for.
    probe
        (m, P, P) complex64; the scan's own when None, and the module's first where it has none.
    merge
        Let overlapping patches agree between the passes; otherwise every frame is on its own.
    batch
        Frames at a time; does not change the result.

    Raises `ScanError` when the sides differ.
    """
    if scan.patch_px != module.patch_px:
        raise ScanError(f"patterns have {scan.patch_px} px, the network was trained for {module.patch_px}")
    if probe is None and scan.probe is None:
        probe_planes = module.probe.detach()
    else:
        probe_planes = torch.from_numpy(
            to_planes(matched_probe(scan if probe is None else scan.with_probe(probe)))
        )
    return run_network(module.ema_network, probe_planes, scan, merge=merge, batch=batch)


def project(scan: Scan, *, passes: int, momentum: float = 0.0, batch: int = 64) -> Prediction:
    """What the same physics reaches without a network: `passes` parallel projections, merged in between.

    The reference that every network is compared with; a `momentum` of 0.8 makes it some five times as fast.
    Raises `ScanError` when the scan has no probe.
    """
    network = Projection(scan.patch_px, passes, momentum=momentum)
    return run_network(network, torch.from_numpy(to_planes(matched_probe(scan))), scan, batch=batch)


@torch.no_grad()
def run_network(
    network: Network, probe_planes: Tensor, scan: Scan, *, merge: bool = True, batch: int = 64
) -> Prediction:
    """All passes over a whole scan, with canvases the size of the scan; `probe_planes` is (M, 2, P, P)."""
    whole, fraction = whole_and_fraction(scan.positions_px)
    corner = whole - scan.patch_px // 2
    origin = corner.min(axis=0)
    height, width = np.ptp(corner, axis=0) + scan.patch_px
    device = network.empty.device
    canvas = _Canvas(corner - origin, (int(height), int(width)), scan.patch_px, device)
    probe_planes = probe_planes.to(device)[None]
    patches = network.empty.cpu().repeat(len(scan), 1, 1, 1)
    for k in range(network.count):
        if k > 0:
            canvas.turn_over(network.momentum)
        for start in range(0, len(scan), batch):
            frames = np.arange(start, min(start + batch, len(scan)))
            moved = network.physics.shift(probe_planes, torch.from_numpy(fraction[frames]).to(device))
            measured = torch.from_numpy(measured_amplitudes(scan, frames)[:, None]).to(device)
            before = canvas.cut(frames) if merge else patches[frames].to(device)
            intensity = illumination(moved)
            covered = canvas.covered(frames) if merge and k > 0 else intensity
            after = network.step(k, before, measured, moved, covered)
            canvas.add(frames, after, intensity)
            patches[frames] = after.cpu()
    image, coverage, spread = canvas.image()
    corner_px = (int(origin[0]), int(origin[1]))
    return Prediction(from_planes(patches.numpy()), from_planes(image.numpy()), coverage, spread, corner_px)


def join(parts: Sequence[Prediction]) -> Prediction:
    """One image from predictions of several parts of a scan, each pixel weighted by its coverage."""
    low = np.min([part.origin_px for part in parts], axis=0)
    high = np.max([np.add(part.origin_px, part.object.shape) for part in parts], axis=0)
    total = np.zeros((3, *(high - low)), dtype=np.complex128)
    for part in parts:
        y, x = np.subtract(part.origin_px, low)
        window = total[:, y : y + part.object.shape[0], x : x + part.object.shape[1]]
        second = part.spread**2 + np.abs(part.object) ** 2
        window += part.coverage * np.stack([part.object, second, np.ones_like(part.object)])
    weight = np.maximum(total[2].real, 1e-30)
    mean = total[:2] / weight
    spread = np.sqrt(np.maximum(mean[1].real - np.abs(mean[0]) ** 2, 0))
    patches = np.concatenate([part.patches for part in parts])
    coverage, origin = total[2].real.astype(np.float32), (int(low[0]), int(low[1]))
    return Prediction(patches, mean[0].astype(np.complex64), coverage, spread.astype(np.float32), origin)


class _Canvas:
    """The weighted sums of one pass, while the next one reads those of the pass before."""

    def __init__(
        self, corner: NDArray[np.int64], shape: tuple[int, int], side: int, device: torch.device
    ) -> None:
        self.side, self.shape, self.device = side, shape, device
        self.corner = torch.from_numpy(corner).to(self.device)
        self.sums = torch.zeros(4, shape[0] * shape[1], dtype=torch.float64, device=self.device)
        self.read = torch.zeros_like(self.sums[:2])
        self.read[0] = 1
        self.velocity = torch.zeros_like(self.read)
        self.coverage = torch.zeros_like(self.sums[2])

    def _index(self, frames: NDArray[np.intp]) -> Tensor:
        corner = self.corner[torch.from_numpy(frames).to(self.device)]
        zero = torch.zeros(len(frames), dtype=torch.int64, device=self.device)
        return pixel_index(Placement(corner, zero, (1, *self.shape)), self.side)

    def turn_over(self, momentum: float) -> None:
        """Read from now on what was added, and `momentum` of the last move beyond it; then add anew."""
        seen = self.sums[2] > 0
        mean = torch.where(seen, self.sums[:2] / self.sums[2].clamp_min(1e-30), self.read)
        self.velocity = momentum * self.velocity + (mean - self.read)
        self.read = self.read + self.velocity
        self.coverage = self.sums[2]
        self.sums = torch.zeros_like(self.sums)

    def add(self, frames: NDArray[np.intp], patches: Tensor, weight: Tensor) -> None:
        weighted = torch.cat([patches * weight, weight, square(patches).unsqueeze(1) * weight], 1).double()
        self.sums += lay(weighted, self._index(frames), self.sums.shape[1])

    def cut(self, frames: NDArray[np.intp]) -> Tensor:
        return self._cut(self.read, frames)

    def covered(self, frames: NDArray[np.intp]) -> Tensor:
        return self._cut(self.coverage[None], frames)

    def _cut(self, planes: Tensor, frames: NDArray[np.intp]) -> Tensor:
        index = self._index(frames).reshape(-1)
        cut = planes.index_select(1, index).reshape(len(planes), len(frames), self.side, self.side)
        return cut.transpose(0, 1).float()

    def image(self) -> tuple[Tensor, NDArray[np.float32], NDArray[np.float32]]:
        weight = self.sums[2]
        mean = torch.where(weight > 1e-6 * weight.max(), self.sums / weight.clamp_min(1e-30), 0.0)
        spread = (mean[3] - mean[:2].square().sum(0)).clamp_min(0).sqrt()
        planes = torch.cat([mean[:2], weight[None], spread[None]]).reshape(4, *self.shape).float().cpu()
        return planes[:2], planes[2].numpy(), planes[3].numpy()
