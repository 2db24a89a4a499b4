"""What belongs to a scan and not to the network: probes, intensity, positions. Given, or trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ptychoscope.preprocess.complex_planes import to_planes
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.data.batches import Batch
from ptychoscope.train.data.symmetry import transform_planes
from ptychoscope.train.physics.forward_model import Physics


class ScanParameters(nn.Module):
    """The probe of every scan, and what may be mended of it.

    Parameters
    ----------
    config
        Says which parts are trained.
    side
        P.
    modes
        M, incoherent modes.
    frames
        Frames of each scan.
    """

    probes: Tensor
    """(S, M, 2, P, P) float32, on the scale of the counts."""
    log_intensity: Tensor
    """(S,) float32: the probe's power is multiplied by its exponential."""
    offsets_px: Tensor
    """(S, n, 2) float32, (y, x) to be added to the positions."""

    def __init__(self, config: TrainConfig, *, side: int, modes: int, frames: Sequence[int]) -> None:
        super().__init__()
        scans, longest = len(frames), max(frames) if config.refine_positions else 0
        self._add("probes", torch.zeros(scans, modes, 2, side, side), config.train_probe)
        self._add("log_intensity", torch.zeros(scans), config.train_intensity)
        self._add("offsets_px", torch.zeros(scans, longest, 2), config.refine_positions)

    def _add(self, name: str, value: Tensor, trained: bool) -> None:
        if trained:
            self.register_parameter(name, nn.Parameter(value))
        else:
            self.register_buffer(name, value)

    @torch.no_grad()
    def set_probes(self, probes: Sequence[NDArray[np.complex64]]) -> None:
        """Take the probe (m, P, P) of every scan; those with fewer modes are filled up with dark ones."""
        self.probes.zero_()
        for slot, probe in zip(self.probes, probes, strict=True):
            slot[: len(probe)] = torch.from_numpy(to_planes(probe))

    def forward(self, batch: Batch, physics: Physics) -> Tensor:
        """(B, M, 2, P, P): each frame's probe, moved by what its position leaves over of a whole pixel."""
        if batch.probes is not None:
            return transform_planes(
                physics.shift(batch.probes[batch.scan], batch.fraction_px), batch.symmetry
            )
        strength = torch.exp(self.log_intensity / 2)[batch.scan]
        probe = self.probes[batch.scan] * strength[:, None, None, None, None]
        fraction = batch.fraction_px
        if self.offsets_px.shape[1]:
            fraction = fraction + self.offsets_px[batch.scan, batch.frame]
        return transform_planes(physics.shift(probe, fraction), batch.symmetry)

    def trained(self, config: TrainConfig) -> list[tuple[nn.Parameter, float]]:
        """The parameters that are trained, each with its learning rate."""
        size = float(self.probes.detach().square().mean().sqrt())
        rates = {
            "probes": config.probe_learning_rate * size,
            "log_intensity": config.probe_learning_rate,
            "offsets_px": config.position_learning_rate_px,
        }
        return [(parameter, rates[name]) for name, parameter in self.named_parameters()]
