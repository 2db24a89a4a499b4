"""What a run folder says about itself: config.json, history.json, training.json."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import numpy as np

from ptychoscope.io.atomic import replacing
from ptychoscope.scan import Scan
from ptychoscope.train.config import TrainConfig

_PACKAGES = ("ptychoscope", "torch", "lightning", "numpy")


def write_config(run: Path, config: TrainConfig) -> None:
    """config.json: the configuration, before the first step."""
    _write(run / "config.json", config.to_dict())


def write_record(
    run: Path, scans: Sequence[Scan], history: list[dict[str, float]], **facts: float | str
) -> None:
    """history.json and training.json: the curves, and what made them."""
    _write(run / "history.json", history)
    record = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data_sha256": data_digest(scans),
        "versions": _versions(),
        **facts,
    }
    _write(run / "training.json", record)


def data_digest(scans: Sequence[Scan]) -> str:
    """SHA-256 of the patterns, positions and probes of `scans`, in their order."""
    digest = hashlib.sha256()
    for scan in scans:
        for array in (scan.patterns, scan.positions_px, scan.probe):
            if array is not None:
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def _write(path: Path, value: object) -> None:
    with replacing(path) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
