"""From a run directory or a checkpoint to the trained network."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import nn

from ptychoscope.errors import ExportError

BEST = Path("checkpoints", "best.ckpt")


class Trained(NamedTuple):
    """What an export needs of a training."""

    network: nn.Module
    """(amplitude (B, 1, P, P), probe (M, 2, P, P)) -> object patches (B, 2, P, P)."""
    probe: NDArray[np.complex64]
    """(M, P, P)"""
    config: dict[str, Any]
    """The training configuration."""
    data_sha256: str
    metrics: dict[str, float]


def find_checkpoint(source: Path | str) -> Path:
    """The best checkpoint of a run directory, or `source` itself; `ExportError` when there is none."""
    source = Path(source)
    file = source / BEST if source.is_dir() else source
    if not file.is_file():
        hint = (
            "train first: ptychoscope train scan.npz -o run/" if source == file else "has the run finished?"
        )
        raise ExportError(f"{file} does not exist: {hint}")
    return file


def load_trained(source: Path | str) -> Trained:
    """The network in a run directory or a checkpoint file; only tensors and plain values are unpickled."""
    from ptychoscope.train.module import PtychoModule  # lightning takes seconds to import

    file = find_checkpoint(source)
    module = PtychoModule.load_from_checkpoint(file, map_location="cpu", weights_only=True)
    planes = module.probe.detach().to("cpu").numpy().astype(np.float32)
    record = _training_record(file.parent.parent / "training.json")
    return Trained(
        module.network.eval(),
        (planes[:, 0] + 1j * planes[:, 1]).astype(np.complex64),
        msgspec.to_builtins(module.config),
        str(record.get("data_sha256", "")),
        {key: float(value) for key, value in record.get("metrics", {}).items()},
    )


def _training_record(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    record = json.loads(file.read_bytes())
    return record if isinstance(record, dict) else {}
