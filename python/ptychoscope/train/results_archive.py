"""One file that keeps what a training gave: the module, its results and history. Nothing in it executes."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from ptychoscope.errors import BundleError
from ptychoscope.io.atomic import replacing
from ptychoscope.train.module import PtychoModule

_VERSION = 1
_ARRAYS = ("obj_tensor_full", "global_offsets", "coords_nominal", "object", "coverage", "origin_px")


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
    """The results that `save_bundle` wrote, the modules ready to predict on the CPU.

    Raises `BundleError` when the file is damaged, newer than this version, or not one of ours.
    """
    source = Path(path)
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = msgspec.json.decode(archive.read("manifest.json"), type=dict[str, Any])
            if manifest["version"] > _VERSION:
                raise BundleError(f"{source} has version {manifest['version']}: upgrade Ptychoscope")
            results: dict[str, Any] = {
                name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
            models = {name: _module(archive.read(f"{name}.pt")) for name in manifest["models"]}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise BundleError(
            f"{source} is not a file that save_bundle wrote ({error}): save it again"
        ) from error
    if "origin_px" in results:
        results["origin_px"] = tuple(int(v) for v in results["origin_px"])
    return {**results, "history": manifest["history"], "models": models}


def _module_bytes(module: PtychoModule) -> bytes:
    buffer = io.BytesIO()
    torch.save({"hyper_parameters": dict(module.hparams), "state_dict": module.state_dict()}, buffer)
    return buffer.getvalue()


def _module(data: bytes) -> PtychoModule:
    saved = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    module = PtychoModule(**saved["hyper_parameters"])
    module.load_state_dict(saved["state_dict"])
    return module.eval()
