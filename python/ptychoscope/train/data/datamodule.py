"""The Lightning data module: which frames are trained on, which are held back, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import msgspec
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Subset

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.scan import Scan
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.data.batches import Batch, ScanSubset
from ptychoscope.train.data.group_sampler import GroupBatches
from ptychoscope.train.data.simulated import simulated_subsets

_VALIDATION_FRAMES = 128
"""Held-back frames that are looked at after an epoch, at most: enough to rank, cheap to do."""

_DIM = 20.0
"""Photons per pixel below which held-out photons are worth their loss."""
_HELD_OUT = 0.15
_DIM_GROUP = 32
_SPARSE = 0.5
"""Of the groups: measured best on dense and on sparse scans alike."""
_LOOKED_AT = 16
"""Patterns that are looked at for whole counts."""

_LEAST_STEPS = 50
"""Steps of an epoch, so that a short scan is not looked at more often than it is trained on."""


def hold_back(
    positions_px: NDArray[np.float64], fraction: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split frames (n, 2) into those to train on and a contiguous part to hold back.

    The part lies at the far end of the scan's longer side. Its patches still touch those next to it: it
    shows overfitting, not what a new sample would give.
    """
    n = len(positions_px)
    span = np.ptp(positions_px, axis=0)
    order = np.argsort(positions_px[:, int(np.argmax(span))], kind="stable")
    kept = n - round(fraction * n)
    return np.sort(order[:kept]), np.sort(order[kept:])


def resolve_defaults(config: TrainConfig, scans: Sequence[Scan]) -> TrainConfig:
    """`config` with the options that it leaves to the data: `held_out_photons` by the dose, `sparse` and
    `group_size` by that.

    Raises `ScanError` when photons are to be drawn from patterns that are not whole counts.
    """
    whole = all(_whole_counts(scan) for scan in scans)
    held_out_photons = config.held_out_photons
    if held_out_photons is None:
        dim = not config.simulated and all(scan.mean_counts < _DIM * scan.patch_px**2 for scan in scans)
        held_out_photons = _HELD_OUT if dim and whole else 0.0
    if held_out_photons > 0 and not whole:
        raise ScanError("held_out_photons draws photons, but the patterns are not whole counts: set it to 0")
    sparse = config.sparse
    if sparse is None:
        sparse = _SPARSE if config.network == "unrolled" and held_out_photons == 0 else 0.0
    size = config.group_size or (_DIM_GROUP if held_out_photons > 0 else config.frames_per_group)
    return msgspec.structs.replace(config, held_out_photons=held_out_photons, sparse=sparse, group_size=size)


def _whole_counts(scan: Scan) -> bool:
    """Whether the first patterns hold whole numbers, but for rounding."""
    counts = scan.counts(slice(0, _LOOKED_AT))
    return bool(np.all(np.abs(counts - np.rint(counts)) <= 1e-2 + 1e-6 * counts))


class GroupData(pl.LightningDataModule):
    """Groups of neighbouring frames of one or several scans.

    Batches depend on (seed, epoch) alone, and which of them were seen is kept in the checkpoint, so that a
    training that was stopped, in an epoch or after it, goes on as it would have. Raises `ScanError` when
    there is nothing to train on or sides differ, `ConfigError` when a batch has fewer groups than there are
    processes to share it (`share`: this one, and how many).
    """

    def __init__(
        self,
        scans: Sequence[Scan],
        config: TrainConfig,
        *,
        validation: Sequence[Scan] = (),
        share: tuple[int, int] = (0, 1),
    ) -> None:
        super().__init__()
        if not scans:
            raise ScanError("there is no scan to train on: give at least one")
        sides = {scan.patch_px for scan in (*scans, *validation)}
        if len(sides) > 1:
            raise ScanError(
                f"scans have patterns of different sides {sorted(sides)}: --crop {min(sides)} makes all alike"
            )
        self.config = config = resolve_defaults(config, scans)
        if config.groups_per_batch < share[1]:
            raise ConfigError(
                f"a batch of {config.groups_per_batch} group(s) cannot be shared by {share[1]} processes: "
                f"--batch-size {share[1]} gives each one (batch_size={share[1]}), or start fewer"
            )
        self.share = share
        self.epoch = self.done = self.steps = 0
        """The epoch that is under way, how many of its steps are done, and how many it has."""
        self.given = [ScanSubset(scan, np.arange(len(scan)), None) for scan in scans]
        if config.simulated or validation:
            parts = [(frames.chosen, frames.chosen[:0]) for frames in self.given]
        else:
            parts = [hold_back(scan.positions_px, config.holdout) for scan in scans]
        for scan, (kept, _) in zip(scans, parts, strict=True):
            if len(kept) == 0:
                raise ScanError(f"{len(scan)} frame(s) leave none to train on: give a longer scan")
        self.training = [ScanSubset(scan, kept) for scan, (kept, _) in zip(scans, parts, strict=True)]
        watched = [ScanSubset(scan, held) for scan, (_, held) in zip(scans, parts, strict=True)]
        if validation:
            watched = [ScanSubset(scan, np.arange(len(scan)), matched_probe(scan)) for scan in validation]
        elif config.simulated:
            watched = self.given
        self.held_back = [frames for frames in watched if len(frames.chosen)]

    def sources(self, epoch: int) -> list[ScanSubset]:
        """What an epoch trains on."""
        config = self.config
        if config.simulated is None:
            return self.training
        probes = [matched_probe(frames.scan) for frames in self.given]
        side = self.given[0].scan.patch_px
        return simulated_subsets(config.simulated, side, probes, seed=(config.seed, epoch))

    def batches(self, epoch: int) -> GroupBatches:
        """The training batches of an epoch."""
        config = self.config
        return GroupBatches(
            self.sources(epoch),
            config,
            seed=(config.seed, epoch),
            groups=config.groups_per_epoch,
            least_steps=1 if config.simulated else _LEAST_STEPS,
            share=self.share,
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """What the epoch still has; each process of a training gets its part of every batch."""
        batches = self.batches(self.epoch)
        self.steps = len(batches)
        left = range(self.done, self.steps)
        return DataLoader(Subset(batches, left), batch_size=None, shuffle=False, collate_fn=_as_is)

    def count_step(self) -> None:
        """Take note of a step that was made."""
        self.done += 1
        if self.done == self.steps:
            self.epoch, self.done = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Where a resumed training goes on."""
        return {"epoch": self.epoch, "done": self.done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on there."""
        self.epoch, self.done = int(state_dict["epoch"]), int(state_dict["done"])

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """The same held-back groups after every epoch; none when nothing is held back."""
        if not self.held_back:
            return []
        return DataLoader(
            self.held_back_batches(self.share), batch_size=None, shuffle=False, collate_fn=_as_is
        )

    def held_back_batches(self, share: tuple[int, int] = (0, 1)) -> GroupBatches:
        """What the likelihood is watched on, whole or one part of every batch."""
        config = self.config
        return GroupBatches(
            self.held_back,
            config,
            seed=(config.seed, 0),
            groups=max(1, _VALIDATION_FRAMES // config.frames_per_group),
            training=False,
            share=share,
        )


def _as_is(batch: Any) -> Any:
    return batch
