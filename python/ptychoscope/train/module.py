"""PtychoModule: a network, its averaged copy, the probes and the physics that trains them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from ptychoscope.train.config import TrainConfig
from ptychoscope.train.data.batches import Batch
from ptychoscope.train.networks import build
from ptychoscope.train.networks.base import Backbone, Neighbours, Network, copy_weights
from ptychoscope.train.optim import MuonAdamW, make_optimizer
from ptychoscope.train.physics.forward_model import Physics, illumination
from ptychoscope.train.physics.losses import (
    LOSSES,
    Total,
    own,
    patch_distance,
    poisson_deviance,
    total_variation,
)
from ptychoscope.train.physics.overlap import coverage, merge
from ptychoscope.train.physics.scan_parameters import ScanParameters


class PtychoModule(pl.LightningModule):
    """The trainable whole.

    `ema_network` holds the averaged weights and is what is validated, kept and exported; `network` is what
    the optimizer moves. `load_from_checkpoint(path, weights_only=True)` needs nothing but the file.

    Parameters
    ----------
    config
        A TrainConfig, or its plain values as a checkpoint holds them.
    patch_px
        P.
    modes
        Incoherent modes of the probe.
    frames
        Frames of each scan that has a probe of its own.
    """

    updates: Tensor

    def __init__(
        self,
        config: TrainConfig | dict[str, Any],
        *,
        patch_px: int,
        modes: int = 1,
        frames: Sequence[int] = (0,),
    ) -> None:
        super().__init__()
        self.config = config if isinstance(config, TrainConfig) else TrainConfig.from_dict(config)
        self.save_hyperparameters(
            {"config": self.config.to_dict(), "patch_px": patch_px, "modes": modes, "frames": list(frames)}
        )
        self.patch_px = patch_px
        self.network = build(self.config, patch_px)
        self.ema_network = build(self.config, patch_px, for_inference=True).requires_grad_(False)
        copy_weights(self.network, self.ema_network)
        self.physics = Physics(patch_px)
        self.scan_parameters = ScanParameters(self.config, side=patch_px, modes=modes, frames=frames)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.skipped_steps = 0
        self.total: Total = own
        """Sums over the processes that share a batch."""

    @property
    def probe(self) -> Tensor:
        """(M, 2, P, P) float32, the probe of the first scan."""
        return self.scan_parameters.probes[0]

    def set_compute_dtype(self, dtype: torch.dtype | None) -> None:
        """Let the convolutions compute in `dtype`; None for float32."""
        for module in self.modules():
            if isinstance(module, Backbone):
                module.compute_dtype = dtype

    def forward(self, amplitude: Tensor, probe: Tensor) -> Tensor:
        """Object patches (B, 2, P, P) of frames on their own; see `networks`."""
        patches: Tensor = self.ema_network(amplitude, probe)
        return patches

    def merged_patches(self, network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
        """Patches (B, 2, P, P) after the merge, and the shifted probes (B, M, 2, P, P).

        Patches lie on whole object pixels; what is left of the position moves the probe.
        """
        probe = self.scan_parameters(batch, self.physics)
        if not len(batch.amplitude):  # the share of a short batch: no gradient, but a part of every sum
            # Each parameter times 0 has a gradient of its own: those of single numbers would share one, which
            # the sum over the processes then writes into.
            none = sum((parameter * 0.0).sum() for parameter in network.parameters())
            return probe.new_zeros(0, 2, self.patch_px, self.patch_px) + none, probe
        weight = illumination(probe.detach())

        def agree(patches: Tensor) -> Tensor:
            return merge(patches, weight, batch.placement)

        shown = 1.0 if batch.held_out is None else 1 - batch.held_out_photons
        seen = probe * math.sqrt(shown)
        if batch.unmerged:
            return agree(network(batch.amplitude, seen)), probe
        neighbours = Neighbours(agree, shown * coverage(weight, batch.placement))
        return agree(network(batch.amplitude, seen, neighbours)), probe

    def compared(self, patches: Tensor, probe: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Predicted counts and measured amplitude, of the photons that the loss is taken of."""
        predicted = self.physics.counts(patches, probe)
        if batch.held_out is None:
            return predicted, batch.amplitude
        return predicted * batch.held_out_photons, batch.held_out

    def loss(self, batch: Batch) -> Tensor:
        """The loss of one batch of groups."""
        patches, probe = self.merged_patches(self.network, batch)
        predicted, measured = self.compared(patches, probe, batch)
        loss = LOSSES[self.config.loss](predicted, measured, self.total)
        if self.config.total_variation > 0:
            loss = loss + self.config.total_variation * total_variation(patches, self.total)
        if batch.truth is not None:
            distance = patch_distance(patches, batch.truth, illumination(probe.detach()), self.total)
            loss = loss + self.config.supervised * distance
        return loss

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:  # noqa: ARG002
        """The logarithm of the loss of one batch of groups."""
        loss = self.loss(batch)
        self._show("train_loss", loss.detach(), batch, on_step=False, on_epoch=True)
        # The logarithm gives every batch the same say: frames on their own, a dim scan or an early step have
        # losses many times larger, and would steer the momentum of all others.
        return torch.log(loss)

    def validation_step(self, batch: Batch, batch_index: int) -> None:  # noqa: ARG002
        """Poisson deviance per pixel of held-back groups, with the averaged weights."""
        patches, probe = self.merged_patches(self.ema_network, batch)
        predicted, measured = self.compared(patches, probe, batch)
        self._show("val_deviance", poisson_deviance(predicted, measured, self.total), batch)

    def _show(self, name: str, value: Tensor, batch: Batch, **when: bool) -> None:
        """To the loggers, the callbacks and the bar."""
        frames = len(batch.amplitude)
        self.log(name, value, batch_size=frames, sync_dist=True, prog_bar=True, **when)  # type: ignore[arg-type]

    def configure_optimizers(self) -> MuonAdamW:
        """Muon for kernels and AdamW for the rest, as the config says."""
        config = self.config
        return make_optimizer(
            self.network,
            self.scan_parameters.trained(config),
            kind=config.optimizer,
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Clip the norm; a gradient that is not finite moves nothing and is counted."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, self.config.gradient_clip)
        if not torch.isfinite(norm):
            self.skipped_steps += 1
            for parameter in parameters:
                parameter.grad = None

    def on_train_batch_end(self, *_: Any) -> None:
        """Move the averaged weights towards those that the optimizer moves."""
        self.updates += 1
        count = int(self.updates)
        # The average forgets its beginning quickly and slows down to the configured decay.
        decay = min(self.config.ema, (1 + count) / (10 + count))
        with torch.no_grad():
            for kept, moved in zip(self.ema_network.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(moved, 1 - decay)
