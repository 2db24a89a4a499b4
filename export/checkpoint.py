"""From a run directory or a checkpoint to the trained network."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import nn

from ptychoscope.errors import ExportError
from ptychoscope.preprocess.complex_planes import from_planes


class Trained(NamedTuple):
    """What an export needs of a training."""

    network: nn.Module
    """(amplitude (B, 1, P, P), probe (M, 2, P, P)) -> object patches (B, 2, P, P)."""
    probe: NDArray[np.complex64]
    """(M, P, P)"""
    passes: tuple[nn.Module, ...]
    """(patch, residual) or (patch, residual, coverage) -> patch, where the network is made of such."""
    config: dict[str, Any]
    """The training configuration."""
    data_sha256: str


def load_trained(source: Path | str) -> Trained:
    """The network in a run directory (its best checkpoint) or a checkpoint file.

    Only tensors and plain values are unpickled. Raises `CheckpointError` when there is no checkpoint.
    """
    from ptychoscope.train.loop.run_folder import load_module  # lightning takes seconds to import
    from ptychoscope.train.networks.unrolled import Unrolled

    module = load_module(source)
    probe = from_planes(module.probe.detach().numpy())
    file = Path(source)
    run = file if file.is_dir() else file.parent.parent
    network = module.ema_network
    return Trained(
        network,
        probe,
        tuple(network.passes) if isinstance(network, Unrolled) else (),
        module.config.to_dict(),
        _data_digest(run / "training.json"),
    )


def _data_digest(file: Path) -> str:
    if not file.is_file():
        return ""
    try:
        record = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ExportError(f"{file} is damaged ({error}): remove it, or train again") from error
    return str(record.get("data_sha256", ""))
