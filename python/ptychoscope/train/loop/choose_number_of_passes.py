"""How many passes the network that is kept runs: chosen by the held-back likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch

from ptychoscope.train.data.batches import Batch
from ptychoscope.train.loop.checkpoints import write_checkpoint
from ptychoscope.train.module import PtychoModule
from ptychoscope.train.networks import passes_to_choose_from
from ptychoscope.train.networks.base import copy_weights
from ptychoscope.train.physics.losses import poisson_deviance


def with_passes(module: PtychoModule, passes: int) -> PtychoModule:
    """The same weights in a network that runs `passes` passes; its configuration says so."""
    config = msgspec.structs.replace(module.config, run_passes=passes)
    plain = {**module.hparams, "config": config.to_dict()}
    changed = PtychoModule(**plain)
    state = {
        name: value for name, value in module.state_dict().items() if not name.startswith("ema_network.")
    }
    changed.load_state_dict(state, strict=False)
    copy_weights(module.ema_network, changed.ema_network)
    return changed.eval()


@torch.no_grad()
def deviances(module: PtychoModule, batches: Sequence[Batch]) -> dict[int, float]:
    """Mean Poisson deviance of `batches` for every number of passes there is a choice of."""
    options = {n: with_passes(module, n) for n in passes_to_choose_from(module.config)}
    total = dict.fromkeys(options, 0.0)
    frames = 0
    for batch in batches:
        frames += len(batch.amplitude)
        for n, option in options.items():
            patches, probe = option.merged_patches(option.ema_network, batch)
            predicted, measured = option.compared(patches, probe, batch)
            total[n] += len(batch.amplitude) * float(poisson_deviance(predicted, measured))
    return {n: value / max(frames, 1) for n, value in total.items()}


def select_passes(module: PtychoModule, batches: Sequence[Batch]) -> PtychoModule:
    """`module` with as many passes as `batches` ask for; itself where nothing is to be chosen."""
    if not passes_to_choose_from(module.config):
        return module
    found = deviances(module, batches)
    return with_passes(module, min(found, key=found.__getitem__))


def rewrite_checkpoint(module: PtychoModule, checkpoint: Path) -> None:
    """Write weights and configuration of `module` into `checkpoint`, keeping what else it holds."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    saved["hyper_parameters"] = {**saved["hyper_parameters"], **module.hparams}
    saved["state_dict"] = module.state_dict()
    write_checkpoint(saved, checkpoint)
