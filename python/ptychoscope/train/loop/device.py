"""Which device computes, in which precision, on how many threads: said, never fallen back on."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ptychoscope.errors import ConfigError, DeviceError
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.loop.processes import Launch

log = logging.getLogger(__name__)

_CLEARLY = 1.5
"""A choice of threads that follows smaller differences would follow the noise."""


def trainer_device(config: TrainConfig, launch: Launch) -> dict[str, Any]:
    """The Trainer's `accelerator`, `devices` and `num_nodes`.

    Raises `DeviceError` when a CUDA device is asked for that is not there, `ConfigError` for another name,
    or one device for several processes.
    """
    match = re.fullmatch(r"(cpu|cuda)(?::(\d+))?", config.device)
    if match is None or (match[1] == "cpu" and match[2]):
        raise ConfigError(f'device must be "cpu", "cuda" or "cuda:N", got {config.device!r}')
    if match[1] == "cpu":
        return {"accelerator": "cpu", "devices": launch.devices, "num_nodes": launch.num_nodes}
    if match[2] and launch.processes > 1:
        raise ConfigError(
            f"{launch.processes} processes cannot share the device {config.device!r}: --device cuda gives "
            "each its own"
        )
    number = int(match[2] or launch.devices - 1)
    if not torch.cuda.is_available() or number >= torch.cuda.device_count():
        seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
        several = f" for each of {launch.devices} processes" if launch.devices > 1 else ""
        raise DeviceError(
            f"device {config.device!r} is not there{several} (torch {torch.__version__} sees {seen} CUDA "
            'device(s)): use "cpu", or install a torch build for your CUDA driver'
        )
    devices = launch.devices if match[2] is None else [number]
    return {"accelerator": "gpu", "devices": devices, "num_nodes": launch.num_nodes}


def compute_dtype(config: TrainConfig) -> torch.dtype | None:
    """Type of the convolutions while training; None for float32."""
    if config.precision == "auto":
        return torch.bfloat16 if _fast_bfloat16(config.device) else None
    return torch.bfloat16 if config.precision == "bfloat16" else None


def _fast_bfloat16(device: str) -> bool:
    if device != "cpu":
        return bool(torch.cuda.is_bf16_supported())
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def choose_threads(step: Callable[[], object]) -> int:
    """All threads that torch has, or one where `step` then takes clearly less time; torch is set to that.

    Threads of a busy machine wait for one another: two made 3 steps where one made 100.
    """
    everyone = torch.get_num_threads()
    with torch.random.fork_rng(devices=()):
        torch.set_num_threads(1)
        step()
        alone = min(_seconds(step) for _ in range(2))
        torch.set_num_threads(everyone)
        fast = any(_seconds(step) <= _CLEARLY * alone for _ in range(2))
    chosen = everyone if fast else 1
    torch.set_num_threads(chosen)
    log.info("%d thread(s) of %d: a step takes one thread %.3g s", chosen, everyone, alone)
    return chosen


def _seconds(step: Callable[[], object]) -> float:
    began = time.monotonic()
    step()
    return time.monotonic() - began


@contextmanager
def torch_settings(config: TrainConfig) -> Iterator[None]:
    """Threads, seed and deterministic algorithms for the length of a training; put back afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(config.seed)
        torch.use_deterministic_algorithms(config.device == "cpu")
        if config.threads:
            torch.set_num_threads(config.threads)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(threads)
