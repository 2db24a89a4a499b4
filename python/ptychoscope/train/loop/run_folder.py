"""Run folders: who owns one, what is written into it, and what is read back."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import numpy as np

from ptychoscope.errors import CheckpointError, ConfigError, OutputError
from ptychoscope.io.atomic import replacing
from ptychoscope.scan import Scan
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.loop.checkpoints import UNREADABLE
from ptychoscope.train.loop.processes import Processes
from ptychoscope.train.module import PtychoModule

_BLOCK = 64
_PACKAGES = ("ptychoscope", "torch", "lightning", "numpy")


def write_config(run: Path, config: TrainConfig) -> None:
    """config.json: the configuration, before the first step."""
    _write(run / "config.json", config.to_dict())


def write_record(run: Path, history: list[dict[str, float]], **facts: float | str) -> None:
    """history.json and training.json: the curves, and what made them."""
    _write(run / "history.json", history)
    record = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        **facts,
    }
    _write(run / "training.json", record)


def data_digest(scans: Sequence[Scan], processes: Processes) -> str:
    """SHA-256 of the patterns, positions and probes of `scans`, in their order.

    Patterns count by the SHA-256 of every 64 frames, of which each process reads its part.
    """
    digest = hashlib.sha256()
    for scan in scans:
        for array in (scan.patterns, scan.positions_px, scan.probe):
            if array is not None:
                digest.update(f"{array.dtype.str}{array.shape}".encode())
        blocks = np.zeros((-(-len(scan) // _BLOCK), 32), np.uint8)
        for number in range(processes.rank, len(blocks), processes.world):
            some = np.ascontiguousarray(scan.patterns[number * _BLOCK : (number + 1) * _BLOCK])
            blocks[number] = np.frombuffer(hashlib.sha256(some.data).digest(), np.uint8)
        for array in (processes.summed(blocks), scan.positions_px, scan.probe):
            if array is not None:
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


def load_module(run_or_checkpoint: str | os.PathLike[str]) -> PtychoModule:
    """The module of a run folder (its best checkpoint) or of a checkpoint file, in float32 on the CPU.

    Raises `CheckpointError` when there is none. Nothing in the file is executed.
    """
    path = Path(run_or_checkpoint)
    if path.is_dir():
        path = path / "checkpoints" / "best.ckpt"
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}: train first, or give the run folder")
    try:
        module = PtychoModule.load_from_checkpoint(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} is no checkpoint of a training, or it is damaged ({reason}): give a run folder"
        ) from error
    return module.eval()


_MAY_CHANGE = {
    *("max_epochs", "max_steps", "max_time_s", "max_cpu_time_s", "patience"),
    *("logger", "threads", "device", "devices", "num_nodes"),
}
"""What a resumed training may be given anew: when it ends, and where it runs."""


@contextmanager
def prepare_run_dir(
    run: Path, config: TrainConfig, *, resume: bool, writes: bool = True
) -> Iterator[Path | None]:
    """Make the run folder this training's; gives the checkpoint to go on from, if any.

    Only the process that `writes` does so. When the body fails before a checkpoint was kept, folders that
    were made here are removed. Raises `ConfigError` when the folder is another training's, `OutputError`
    when it cannot be written to.
    """
    last = run / "checkpoints" / "last.ckpt"
    made: list[Path] = []
    try:
        _check_owner(run, last, config, resume=resume)
        if writes:
            made = [folder for folder in (run, *run.parents) if not folder.exists()]
            run.mkdir(parents=True, exist_ok=True)
            write_config(run, config)
        yield last if resume and last.exists() else None
    except BaseException as error:
        if made and not any(run.glob("checkpoints/*.ckpt")):
            shutil.rmtree(run, ignore_errors=True)
            for parent in made[1:]:
                with suppress(OSError):  # somebody else uses it by now
                    parent.rmdir()
        if isinstance(error, OSError):
            raise OutputError(
                f"cannot write to {run}: {error.strerror or error}; check the free space and the permissions "
                f"of {run.absolute().parent}, or give another folder"
            ) from error
        raise


def _check_owner(run: Path, last: Path, config: TrainConfig, *, resume: bool) -> None:
    if not resume and last.exists():
        raise ConfigError(f"{run} holds a training already: resume it, or name another folder")
    written = run / "config.json"
    if not resume or not written.exists():
        return
    try:
        before = TrainConfig.from_dict(msgspec.json.decode(written.read_bytes(), type=dict[str, object]))
    except msgspec.DecodeError as error:
        raise ConfigError(f"{written} is damaged ({error}): start anew in another folder") from error
    pairs = {name: (getattr(before, name), getattr(config, name)) for name in TrainConfig.__struct_fields__}
    differ = [
        f"{name} was {old!r} and is {new!r}"
        for name, (old, new) in pairs.items()
        if old != new and name not in _MAY_CHANGE
    ]
    if differ:
        raise ConfigError(
            f"{run} was begun with another configuration ({'; '.join(differ)}): resume with that, or start "
            "anew in another folder"
        )
