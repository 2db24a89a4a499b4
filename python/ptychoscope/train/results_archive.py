"""One file that keeps what a training gave: the module, its results and history. Nothing in it executes."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from ptychoscope.errors import BundleError
from ptychoscope.io.atomic import replacing
from ptychoscope.io.npy import read_members
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.loop.checkpoints import UNREADABLE
from ptychoscope.train.module import PtychoModule

_VERSION = 1
_ARRAYS = ("obj_tensor_full", "global_offsets", "coords_nominal", "object", "coverage", "origin_px")


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    models: list[str]
    history: list[dict[str, int | float | None]]


def save_results(results: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write the results of `train_and_reconstruct` to one zip file, whole or not at all.

    Raises `OutputError` when the place cannot be written to.
    """
    arrays = {name: np.asarray(results[name]) for name in _ARRAYS if name in results}
    manifest = {"version": _VERSION, "models": sorted(results["models"]), "history": results["history"]}
    with replacing(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        archive.writestr("manifest.json", msgspec.json.encode(manifest))
        for name, module in results["models"].items():
            archive.writestr(f"{name}.pt", _module_bytes(module))
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(f"{name}.npy", buffer.getvalue())


def load_results(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The results that `save_results` wrote, the modules ready to predict on the CPU.

    Nothing else in the file is read, and nothing takes more memory than the file has bytes. Raises
    `BundleError` when the file is damaged, newer than this version, or not one of ours.
    """
    source = Path(path)
    try:
        with zipfile.ZipFile(source) as archive:
            _check_stored(archive, ["manifest.json", *(f"{name}.npy" for name in _ARRAYS)])
            manifest = msgspec.json.decode(archive.read("manifest.json"), type=_Manifest)
            if manifest.version > _VERSION:
                raise BundleError(f"{source} has version {manifest.version}: upgrade Ptychoscope")
            _check_stored(archive, [f"{name}.pt" for name in manifest.models])
            models = {name: _module(archive.read(f"{name}.pt")) for name in manifest.models}
        results: dict[str, Any] = read_members(source, _ARRAYS)
        if "origin_px" in results:
            y, x = results["origin_px"].tolist()
            results["origin_px"] = int(y), int(x)
    except BundleError:
        raise
    except (*UNREADABLE, OSError, AttributeError, IndexError, OverflowError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise BundleError(
            f"{source} is not a file that save_results wrote ({reason}): save it again"
        ) from error
    return {**results, "history": manifest.history, "models": models}


def _check_stored(archive: zipfile.ZipFile, names: list[str]) -> None:
    """Raise `ValueError` where a member is compressed, as none of ours is: a small file would unfold."""
    for info in archive.infolist():
        if info.filename in names and info.file_size != info.compress_size:
            raise ValueError(f"{info.filename} is compressed")


def _module_bytes(module: PtychoModule) -> bytes:
    buffer = io.BytesIO()
    torch.save({"hyper_parameters": dict(module.hparams), "state_dict": module.state_dict()}, buffer)
    return buffer.getvalue()


def _module(data: bytes) -> PtychoModule:
    """The module in the bytes of a .pt file; it is built when its weights are seen to be there."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_stored(archive, archive.namelist())
    saved = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    options, state = saved["hyper_parameters"], saved["state_dict"]
    config = TrainConfig.from_dict(options["config"])
    if max(config.passes or 0, config.run_passes or 0) > len(state):
        raise ValueError("it has fewer weights than passes")
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in PtychoModule(**options).state_dict().items()}
    held = {name: tensor.shape for name, tensor in state.items()}
    whole = all(tensor.untyped_storage().nbytes() >= tensor.nbytes for tensor in state.values())
    if held != shapes or not whole or 0 in shapes["scan_parameters.probes"]:
        raise ValueError("its weights are not those of its network")
    module = PtychoModule(**options)
    module.load_state_dict(state)
    return module.eval()
